// The slot's memory: laying a request down in it, and reading the response's head back.

using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Text;
using Mews.Server.Headers;
using Mews.Server.Interop;

namespace Mews.Server.Tests;

internal sealed unsafe partial class FakeExchange
{
    private void Begin()
    {
        if (Started)
        {
            return;
        }

        Started = true;
        Status = Raw->status;
        Reason = Encoding.Latin1.GetString(Raw->head, Raw->reason_len);
        ContentLength = Raw->response_content_length;
        Close = (Raw->response_flags & ResponseFlags.CloseConnection) != 0;
        Records(Raw->reason_len, (int)(Raw->trailers_at == 0 ? Raw->head_len : Raw->trailers_at), Headers);
    }

    private void Records(int from, int to, List<KeyValuePair<string, string>> into)
    {
        byte* at = Raw->head + from;
        byte* end = Raw->head + to;
        while (at < end)
        {
            int known = at[0];
            int nameLength = *(ushort*)(at + 2);
            int valueLength = *(int*)(at + 4);
            string name = known != 0 ? KnownHeader.Name(known) : Encoding.ASCII.GetString(at + 8, nameLength);
            into.Add(new(name, Encoding.UTF8.GetString(at + 8 + nameLength, valueLength)));
            at += 8 + nameLength + valueLength;
        }

        Check.True(at == end, "the head records end where the head ends");
    }

    private void Append(byte* bytes, int count)
    {
        if (count > 0)
        {
            Output.Write(new ReadOnlySpan<byte>(bytes, count));
        }
    }

    private byte* Bytes(string text, out uint length)
    {
        byte[] bytes = Encoding.Latin1.GetBytes(text);
        byte* pointer = (byte*)NativeMemory.Alloc((nuint)Math.Max(bytes.Length, 1));
        bytes.CopyTo(new Span<byte>(pointer, bytes.Length));
        _owned.Add((nint)pointer);
        length = (uint)bytes.Length;
        return pointer;
    }

    private RawHeader* Lay(List<KeyValuePair<string, string>> headers)
    {
        RawHeader* raw = (RawHeader*)NativeMemory.AllocZeroed((nuint)(sizeof(RawHeader) * Math.Max(headers.Count, 1)));
        _owned.Add((nint)raw);
        for (int i = 0; i < headers.Count; i++)
        {
            raw[i].name = Bytes(headers[i].Key, out uint nameLength);
            raw[i].name_len = (ushort)nameLength;
            raw[i].value = Bytes(headers[i].Value, out raw[i].value_len);
            raw[i].known = (byte)KnownHeader.Find(headers[i].Key);
        }

        return raw;
    }

    // Overwritten before they are freed: a value read too late would show as nonsense instead of passing by luck.
    private void FreeRequest()
    {
        foreach (nint pointer in _owned)
        {
            NativeMemory.Free((void*)pointer);
        }

        _owned.Clear();
        new Span<byte>(Raw->block, BlockSize).Fill((byte)'#');
        new Span<byte>(Raw->head, (int)Raw->head_cap).Fill((byte)'#');
    }
}
