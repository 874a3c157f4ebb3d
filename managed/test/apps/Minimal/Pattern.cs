// Bytes that a client can check without holding them: byte i of every pattern is i modulo 251.
// 251 is prime, so that a chunk that is lost, doubled or misplaced shows at any buffer size.

using System.Collections.Concurrent;

namespace Mews.TestApps.Minimal;

/// <summary>The byte sequence 0, 1, ..., 250, 0, 1, ...</summary>
public static class Pattern
{
    private const int Period = 251;

    /// <summary>Fills <paramref name="span"/> with the pattern as it runs from byte <paramref name="offset"/>.</summary>
    public static void Fill(Span<byte> span, long offset)
    {
        var value = (int)(offset % Period);
        for (var i = 0; i < span.Length; i++)
        {
            span[i] = (byte)value;
            value = value + 1 == Period ? 0 : value + 1;
        }
    }
}

/// <summary>Temporary files that hold the pattern, one for each length asked for; removed with the app.</summary>
public sealed class PatternFiles : IDisposable
{
    private readonly ConcurrentDictionary<long, Lazy<string>> _files = new();

    /// <summary>The path of a file with <paramref name="bytes"/> bytes of the pattern, written on first use.</summary>
    public string PathOf(long bytes) => _files.GetOrAdd(bytes, length => new Lazy<string>(() => Write(length))).Value;

    /// <summary>Deletes the files.</summary>
    public void Dispose()
    {
        foreach (var file in _files.Values)
        {
            if (file.IsValueCreated)
            {
                File.Delete(file.Value);
            }
        }
    }

    private static string Write(long bytes)
    {
        var path = Path.GetTempFileName();
        var buffer = new byte[64 * 1024];
        using var stream = File.OpenWrite(path);
        for (long written = 0; written < bytes;)
        {
            var count = (int)Math.Min(buffer.Length, bytes - written);
            Pattern.Fill(buffer.AsSpan(0, count), written);
            stream.Write(buffer, 0, count);
            written += count;
        }

        return path;
    }
}
