// A temporary 10 MiB file that is sent through SendFileAsync.

namespace Mews.Samples.Bench;

/// <summary>Owns the file: written on first use, deleted with the app.</summary>
public sealed class DownloadFile : IDisposable
{
    private const int Size = 10 * 1024 * 1024;

    private readonly Lazy<string> _path = new(Write);

    /// <summary>Sends the whole file under a Content-Length.</summary>
    public Task Send(HttpContext context)
    {
        context.Response.ContentType = "application/octet-stream";
        context.Response.ContentLength = Size;
        return context.Response.SendFileAsync(_path.Value, context.RequestAborted);
    }

    /// <summary>Deletes the file.</summary>
    public void Dispose()
    {
        if (_path.IsValueCreated)
        {
            File.Delete(_path.Value);
        }
    }

    private static string Write()
    {
        var path = Path.GetTempFileName();
        var block = new byte[64 * 1024];
        Array.Fill(block, (byte)'f');
        using var stream = File.OpenWrite(path);
        for (var written = 0; written < Size; written += block.Length)
        {
            stream.Write(block);
        }

        return path;
    }
}
