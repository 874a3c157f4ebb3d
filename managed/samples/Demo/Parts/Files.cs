// Uploads, streamed to a temporary folder, and downloads from it.

using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace Mews.Samples.Demo.Parts;

/// <summary>A file that was uploaded.</summary>
public sealed record StoredFile(string Id, string Name, long Size, DateTimeOffset UploadedAt);

/// <summary>Uploaded files, up to a number; the folder goes with the app.</summary>
public sealed class FileStore : IDisposable
{
    /// <summary>How many files are kept.</summary>
    public const int Most = 20;

    /// <summary>The largest file, in bytes.</summary>
    public const long Largest = 200L * 1024 * 1024;

    private readonly Lazy<DirectoryInfo> _folder = new(() => Directory.CreateTempSubdirectory("demo-uploads-"));
    private readonly Dictionary<string, StoredFile> _files = [];

    /// <summary>All files, newest first.</summary>
    public IReadOnlyList<StoredFile> All()
    {
        lock (_files)
        {
            return _files.Values.OrderByDescending(file => file.UploadedAt).ToArray();
        }
    }

    /// <summary>The file of that id and where it lies; null when there is none.</summary>
    public (StoredFile File, string Path)? Find(string id)
    {
        lock (_files)
        {
            return _files.TryGetValue(id, out var file) ? (file, PathOf(id)) : null;
        }
    }

    /// <summary>Streams a file to the folder; null when there are too many. What came of an upload that fails is removed.</summary>
    public async Task<StoredFile?> Save(string name, Stream content, CancellationToken cancellation)
    {
        lock (_files)
        {
            if (_files.Count >= Most)
            {
                return null;
            }
        }

        // The visitor's name for it is only ever shown: on disk the file has a name of ours.
        var id = Guid.NewGuid().ToString("n");
        long size;
        try
        {
            await using var file = new FileStream(PathOf(id), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.Asynchronous);
            await content.CopyToAsync(file, 64 * 1024, cancellation);
            size = file.Length;
        }
        catch
        {
            File.Delete(PathOf(id));
            throw;
        }

        var stored = new StoredFile(id, name, size, DateTimeOffset.UtcNow);
        lock (_files)
        {
            if (_files.Count < Most)
            {
                _files.Add(id, stored);
                return stored;
            }
        }

        File.Delete(PathOf(id));
        return null;
    }

    /// <summary>Removes a file; false when there is none of that id.</summary>
    public bool Remove(string id)
    {
        lock (_files)
        {
            if (!_files.Remove(id))
            {
                return false;
            }
        }

        File.Delete(PathOf(id));
        return true;
    }

    /// <summary>Removes the folder.</summary>
    public void Dispose()
    {
        if (_folder.IsValueCreated)
        {
            _folder.Value.Delete(recursive: true);
        }
    }

    private string PathOf(string id) => Path.Combine(_folder.Value.FullName, id);
}

/// <summary>The API.</summary>
public static class FilesApi
{
    private const int LongestName = 120;

    /// <summary>Maps list, upload, download and remove.</summary>
    public static void MapFiles(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/files", (FileStore files) => files.All());
        routes.MapPost("/api/files", Upload);
        routes.MapGet("/files/{id}", Download);
        routes.MapDelete("/api/files/{id}", (string id, FileStore files) =>
            files.Remove(id) ? Results.NoContent() : Results.NotFound());
    }

    // The body is the file itself, so that it goes from the socket to the disk with no form around it.
    private static async Task<IResult> Upload(HttpContext context, FileStore files, string? name)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = FileStore.Largest;
        }

        var shown = Path.GetFileName((name ?? "").Replace('\\', '/')).Trim();
        if (shown.Length is 0 or > LongestName || shown.Any(char.IsControl))
        {
            return Results.Problem(statusCode: 422, title: $"A file needs a name of 1 to {LongestName} characters.");
        }

        return await files.Save(shown, context.Request.Body, context.RequestAborted) is { } file
            ? Results.Created($"files/{file.Id}", file)
            : Results.Problem(statusCode: 409, title: $"There are {FileStore.Most} files already. Remove one first.");
    }

    private static Task Download(HttpContext context, FileStore files, string id)
    {
        if (files.Find(id) is not var (file, path))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        }

        var disposition = new ContentDispositionHeaderValue("attachment");
        disposition.SetHttpFileName(file.Name);
        context.Response.Headers.ContentDisposition = disposition.ToString();
        context.Response.ContentType = "application/octet-stream";
        context.Response.ContentLength = file.Size;
        return context.Response.SendFileAsync(path, context.RequestAborted);
    }
}
