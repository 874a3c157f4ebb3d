// The request's headers, made from the slot's bytes only as far as the app looks.
// A lookup compares raw bytes; listing or changing the collection makes strings of all of it.

using System;
using System.Text;
using System.Threading;
using Mews.Server.Interop;
using Microsoft.Extensions.Primitives;

namespace Mews.Server.Headers;

/// <summary>Request headers over a slot's raw header array; detached from it when the request ends.</summary>
internal sealed unsafe class RequestHeaders : HeaderStore
{
    private readonly object _gate = new();
    private RawHeader* _raw;
    private int _rawCount;
    // Bit n: well-known header n has been looked up in the raw array already.
    private ulong _loaded;

    /// <summary>Whether header bytes are Latin-1 instead of UTF-8, as the framework's IIS switch asks.</summary>
    internal static bool DecodeAsLatin1 { get; } =
        AppContext.TryGetSwitch("Microsoft.AspNetCore.Server.IIS.Latin1RequestHeaders", out bool on) && on;

    /// <summary>Points the collection at a request's headers. The memory must stay unchanged until <see cref="Detach"/>.</summary>
    internal void Attach(RawHeader* headers, int count)
    {
        _raw = headers;
        _rawCount = count;
        _loaded = 0;
    }

    /// <summary>Forgets the request, so that a reference kept by the app never sees another one's bytes.</summary>
    internal void Detach()
    {
        _raw = null;
        _rawCount = 0;
        _loaded = 0;
        ClearStorage();
    }

    /// <summary>Keeps the framing rule for a request with both lengths: chunked wins, the other one is kept for information only.</summary>
    /// <returns>Whether there was a Content-Length beside the chunked coding.</returns>
    internal bool SetContentLengthAside()
    {
        StringValues length = Raw(KnownHeader.ContentLength);
        if (length.Count == 0)
        {
            return false;
        }

        LoadAll();
        Remove(KnownHeader.Name(KnownHeader.ContentLength));
        if (!ContainsKey("X-Content-Length"))
        {
            this["X-Content-Length"] = length;
        }

        return true;
    }

    /// <summary>Adds the coding that apps written for IIS expect on a request whose body has no announced length.</summary>
    internal void AddChunked() => SetLoaded(KnownHeader.TransferEncoding, "chunked");

    protected override void Load(int number)
    {
        if (_raw == null || (Volatile.Read(ref _loaded) & (1UL << number)) != 0)
        {
            return;
        }

        // Apps read headers from several tasks at once, and here reading writes.
        lock (_gate)
        {
            if (_raw != null && (_loaded & (1UL << number)) == 0)
            {
                LoadKnown(number);
            }
        }
    }

    private void LoadKnown(int number)
    {
        StringValues value = Raw(number);
        if (number == KnownHeader.ContentLength && !long.TryParse(value.ToString(), out _))
        {
            // The native side has refused what is no number; a list of equal numbers still arrives here.
            value = value.Count > 0 && long.TryParse(value[0], out _) ? value[0] : StringValues.Empty;
        }

        if (value.Count != 0)
        {
            SetKnown(number, value);
        }

        _loaded |= 1UL << number;
    }

    protected override void LoadOther(string name)
    {
        if (_raw == null || FindOther(name) >= 0)
        {
            return;
        }

        lock (_gate)
        {
            if (_raw != null && FindOther(name) < 0)
            {
                LoadUnknown(name);
            }
        }
    }

    private void LoadUnknown(string name)
    {
        StringValues value = StringValues.Empty;
        for (int i = 0; i < _rawCount; i++)
        {
            RawHeader* header = _raw + i;
            if (header->known == 0 && NameEquals(header, name))
            {
                value = StringValues.Concat(value, Decode(header->value, header->value_len));
            }
        }

        if (value.Count != 0)
        {
            AppendOther(name, value);
        }
    }

    protected override void LoadAll()
    {
        if (_raw == null)
        {
            return;
        }

        lock (_gate)
        {
            if (_raw != null)
            {
                LoadEverything();
            }
        }
    }

    private void LoadEverything()
    {
        for (int i = 0; i < _rawCount; i++)
        {
            RawHeader* header = _raw + i;
            if (header->known is not 0 and < KnownHeader.Count)
            {
                Load(header->known);
                continue;
            }

            string name = Encoding.Latin1.GetString(header->name, header->name_len);
            int number = KnownHeader.Find(name);
            if (number != KnownHeader.None)
            {
                Load(number);
            }
            else
            {
                LoadOther(name);
            }
        }

        // Everything is copied: from here on the collection is an ordinary one.
        _raw = null;
        _rawCount = 0;
    }

    private StringValues Raw(int number)
    {
        string name = KnownHeader.Name(number);
        StringValues value = StringValues.Empty;
        for (int i = 0; i < _rawCount; i++)
        {
            RawHeader* header = _raw + i;
            if (header->known == number || (header->known == 0 && NameEquals(header, name)))
            {
                string text = Decode(header->value, header->value_len);
                value = value.Count == 0 ? text : StringValues.Concat(value, text);
            }
        }

        return value;
    }

    private void SetLoaded(int number, StringValues value)
    {
        SetKnown(number, value);
        _loaded |= 1UL << number;
    }

    private static bool NameEquals(RawHeader* header, string name)
        => header->name_len == name.Length && Ascii.EqualsIgnoreCase(new ReadOnlySpan<byte>(header->name, header->name_len), name);

    private static string Decode(byte* value, uint length)
    {
        if (length == 0)
        {
            return string.Empty;
        }

        Encoding encoding = DecodeAsLatin1 ? Encoding.Latin1 : Encoding.UTF8;
        return encoding.GetString(value, checked((int)length));
    }
}
