// From the request target's bytes to path and path base. Pure functions: no request, no state.

using System;
using System.Buffers;
using System.Text;

namespace Mews.Server.Http;

/// <summary>Splits, unescapes and normalises request targets.</summary>
internal static class RequestPath
{
    /// <summary>Splits a target into its path and its query (with the <c>?</c>); both still escaped.</summary>
    /// <remarks>Of an absolute-form target (<c>http://host/path</c>) the path is what follows the authority.</remarks>
    internal static void SplitTarget(ReadOnlySpan<byte> target, out ReadOnlySpan<byte> path, out ReadOnlySpan<byte> query)
    {
        int mark = target.IndexOf((byte)'?');
        path = mark < 0 ? target : target[..mark];
        query = mark < 0 ? default : target[mark..];
        if (path.Length == 0 || path[0] == (byte)'/')
        {
            return;
        }

        int scheme = path.IndexOf("://"u8);
        if (scheme <= 0)
        {
            return;
        }

        ReadOnlySpan<byte> afterScheme = path[(scheme + 3)..];
        int slash = afterScheme.IndexOf((byte)'/');
        path = slash < 0 ? "/"u8 : afterScheme[slash..];
    }

    /// <summary>Unescapes a path, then removes its dot segments, then reads it as UTF-8.</summary>
    /// <remarks>Encoded slashes stay encoded, and so does everything that is not valid UTF-8 when unescaped.</remarks>
    /// <exception cref="InvalidOperationException">The path holds an escaped NUL.</exception>
    internal static string Decode(ReadOnlySpan<byte> path)
    {
        if (path.Length == 0)
        {
            return "/";
        }

        if (path.Length == 1 && path[0] == (byte)'/')
        {
            return "/";
        }

        bool escaped = path.Contains((byte)'%');
        if (!escaped && path.IndexOf("/."u8) < 0)
        {
            return Encoding.UTF8.GetString(path);
        }

        byte[]? rented = null;
        Span<byte> buffer = path.Length <= 512 ? stackalloc byte[512] : rented = ArrayPool<byte>.Shared.Rent(path.Length);
        try
        {
            int length = escaped ? Unescape(path, buffer) : Copy(path, buffer);
            length = RemoveDotSegments(buffer[..length]);
            return length == 0 ? "/" : Encoding.UTF8.GetString(buffer[..length]);
        }
        finally
        {
            if (rented is not null)
            {
                ArrayPool<byte>.Shared.Return(rented);
            }
        }
    }

    /// <summary>Splits an unescaped path into the application's base and the rest.</summary>
    /// <param name="path">The unescaped path.</param>
    /// <param name="virtualPath">The application's path without a trailing slash; empty or <c>/</c> for the root.</param>
    /// <param name="pathBase">The part that belongs to the application, in the request's spelling where that differs.</param>
    /// <param name="rest">The remainder: empty or beginning with a slash. The whole path when it is not below the application.</param>
    internal static void SplitBase(string path, string virtualPath, out string pathBase, out string rest)
    {
        pathBase = string.Empty;
        rest = path;
        if (virtualPath.Length <= 1)
        {
            return;
        }

        if (path.StartsWith(virtualPath, StringComparison.Ordinal))
        {
            if (path.Length == virtualPath.Length)
            {
                pathBase = virtualPath;
                rest = string.Empty;
                return;
            }

            if (path[virtualPath.Length] == '/')
            {
                pathBase = virtualPath;
                rest = path[virtualPath.Length..];
                return;
            }
        }

        int matched = Walk(path, virtualPath);
        if (matched >= 0)
        {
            pathBase = path[..matched];
            rest = path[matched..];
        }
    }

    // Follows both paths at once: case does not matter, '\' and %2F of the request count as slashes, and repeated ones are skipped.
    private static int Walk(string path, string virtualPath)
    {
        int at = 0;
        int baseAt = 0;
        while (baseAt < virtualPath.Length)
        {
            if (at >= path.Length)
            {
                return -1;
            }

            int slash = SlashLength(path, at);
            char wanted = virtualPath[baseAt];
            if (wanted == '/' && slash != 0)
            {
                at += slash;
                baseAt++;
            }
            else if (slash != 0 && baseAt > 0 && virtualPath[baseAt - 1] == '/')
            {
                at += slash;
            }
            else if (wanted == path[at] || char.ToUpperInvariant(wanted) == char.ToUpperInvariant(path[at]))
            {
                at++;
                baseAt++;
            }
            else
            {
                return -1;
            }
        }

        return at == path.Length || path[at] == '/' ? at : -1;
    }

    private static int SlashLength(string path, int at)
    {
        if (path[at] is '/' or '\\')
        {
            return 1;
        }

        return path[at] == '%' && at + 2 < path.Length && path[at + 1] == '2' && path[at + 2] is 'F' or 'f' ? 3 : 0;
    }

    private static int Copy(ReadOnlySpan<byte> path, Span<byte> buffer)
    {
        path.CopyTo(buffer);
        return path.Length;
    }

    private static int Unescape(ReadOnlySpan<byte> path, Span<byte> output)
    {
        int written = 0;
        int at = 0;
        while (at < path.Length)
        {
            if (path[at] != (byte)'%')
            {
                output[written++] = path[at++];
                continue;
            }

            int consumed = UnescapeSequence(path[at..], output[written..], out int produced);
            if (consumed == 0)
            {
                output[written++] = path[at++];
                continue;
            }

            at += consumed;
            written += produced;
        }

        return written;
    }

    // One escaped character, which may be several escaped bytes; 0 when it must stay as it is.
    private static int UnescapeSequence(ReadOnlySpan<byte> text, Span<byte> output, out int produced)
    {
        produced = 0;
        int first = Escaped(text);
        if (first < 0 || first == '/')
        {
            return 0;
        }

        if (first == 0)
        {
            throw new InvalidOperationException("The request path contains an escaped NUL character.");
        }

        int count = first < 0x80 ? 1 : first is >= 0xC2 and <= 0xDF ? 2 : first is >= 0xE0 and <= 0xEF ? 3 : first is >= 0xF0 and <= 0xF4 ? 4 : 0;
        if (count == 0 || text.Length < count * 3)
        {
            return 0;
        }

        Span<byte> bytes = stackalloc byte[4];
        bytes[0] = (byte)first;
        for (int i = 1; i < count; i++)
        {
            int next = Escaped(text[(i * 3)..]);
            if (next is < 0x80 or > 0xBF)
            {
                return 0;
            }

            bytes[i] = (byte)next;
        }

        // Refuses what only looks like UTF-8: overlong forms, surrogates, values past the last character.
        if (count > 1 && (Rune.DecodeFromUtf8(bytes[..count], out _, out int used) != OperationStatus.Done || used != count))
        {
            return 0;
        }

        bytes[..count].CopyTo(output);
        produced = count;
        return count * 3;
    }

    private static int Escaped(ReadOnlySpan<byte> text)
    {
        if (text.Length < 3 || text[0] != (byte)'%')
        {
            return -1;
        }

        int high = Hex(text[1]);
        int low = Hex(text[2]);
        return high < 0 || low < 0 ? -1 : (high << 4) | low;
    }

    private static int Hex(byte digit) => digit switch
    {
        >= (byte)'0' and <= (byte)'9' => digit - '0',
        >= (byte)'a' and <= (byte)'f' => digit - 'a' + 10,
        >= (byte)'A' and <= (byte)'F' => digit - 'A' + 10,
        _ => -1,
    };

    // In place; the result is never longer. Empty segments count as segments: '/a//../b' is '/a/b'.
    private static int RemoveDotSegments(Span<byte> path)
    {
        if (path.Length == 0 || path[0] != (byte)'/' || path.IndexOf("/."u8) < 0)
        {
            return path.Length;
        }

        int written = 0;
        int at = 0;
        while (at < path.Length)
        {
            int next = path[(at + 1)..].IndexOf((byte)'/');
            int end = next < 0 ? path.Length : at + 1 + next;
            ReadOnlySpan<byte> segment = path[(at + 1)..end];
            bool last = end == path.Length;
            if (segment.SequenceEqual("."u8))
            {
                if (last)
                {
                    path[written++] = (byte)'/';
                }
            }
            else if (segment.SequenceEqual(".."u8))
            {
                written = Math.Max(path[..written].LastIndexOf((byte)'/'), 0);
                if (last)
                {
                    path[written++] = (byte)'/';
                }
            }
            else
            {
                path[at..end].CopyTo(path[written..]);
                written += end - at;
            }

            at = end;
        }

        return written;
    }
}
