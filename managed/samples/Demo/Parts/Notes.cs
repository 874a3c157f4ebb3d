// Notes behind a JSON API.

namespace Mews.Samples.Demo.Parts;

/// <summary>A note.</summary>
public sealed record Note(int Id, string Text, DateTimeOffset WrittenAt);

/// <summary>What a client sends to add a note.</summary>
public sealed record NewNote(string? Text);

/// <summary>Notes in memory, up to a limit.</summary>
public sealed class NoteStore
{
    /// <summary>How many notes are kept.</summary>
    public const int Most = 100;

    private readonly SortedDictionary<int, Note> _notes = [];
    private int _lastId;

    /// <summary>All notes, oldest first.</summary>
    public IReadOnlyList<Note> All()
    {
        lock (_notes)
        {
            return _notes.Values.ToArray();
        }
    }

    /// <summary>Adds a note; null when there are too many.</summary>
    public Note? Add(string text)
    {
        lock (_notes)
        {
            if (_notes.Count >= Most)
            {
                return null;
            }

            var note = new Note(++_lastId, text, DateTimeOffset.UtcNow);
            _notes.Add(note.Id, note);
            return note;
        }
    }

    /// <summary>Removes a note; false when there is none of that id.</summary>
    public bool Remove(int id)
    {
        lock (_notes)
        {
            return _notes.Remove(id);
        }
    }
}

/// <summary>The API.</summary>
public static class NotesApi
{
    private const int LongestText = 280;

    /// <summary>Maps list, add and remove.</summary>
    public static void MapNotes(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/notes", (NoteStore notes) => notes.All());
        routes.MapPost("/api/notes", IResult (NewNote posted, NoteStore notes) =>
        {
            var text = posted.Text?.Trim() ?? "";
            if (text.Length is 0 or > LongestText)
            {
                return Results.Problem(statusCode: 422, title: $"A note has 1 to {LongestText} characters; this one has {text.Length}.");
            }

            return notes.Add(text) is { } note
                ? Results.Created($"api/notes/{note.Id}", note)
                : Results.Problem(statusCode: 409, title: $"There are {NoteStore.Most} notes already. Remove one first.");
        });
        routes.MapDelete("/api/notes/{id:int}", (int id, NoteStore notes) =>
            notes.Remove(id) ? Results.NoContent() : Results.NotFound());
    }
}
