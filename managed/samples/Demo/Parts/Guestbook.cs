// A guestbook: the oldest kind of form.

namespace Mews.Samples.Demo.Parts;

/// <summary>An entry as it was signed.</summary>
public sealed record GuestbookEntry(string Name, string Message, DateTimeOffset SignedAt);

/// <summary>What a visitor has typed, and what is wrong with it.</summary>
public sealed record GuestbookForm(string Name, string Message)
{
    /// <summary>The longest name, in characters.</summary>
    public const int LongestName = 60;

    /// <summary>The longest message, in characters.</summary>
    public const int LongestMessage = 400;

    /// <summary>A form before anything is typed.</summary>
    public static GuestbookForm Blank { get; } = new("", "");

    /// <summary>What is wrong with the name; null when it can be taken.</summary>
    public string? NameProblem { get; private init; }

    /// <summary>What is wrong with the message; null when it can be taken.</summary>
    public string? MessageProblem { get; private init; }

    /// <summary>Whether the form can be taken.</summary>
    public bool IsValid => NameProblem is null && MessageProblem is null;

    /// <summary>Reads and checks a posted form.</summary>
    public static GuestbookForm Read(IFormCollection form)
    {
        var name = form["name"].ToString().Trim();
        var message = form["message"].ToString().Trim();
        return new GuestbookForm(name, message)
        {
            NameProblem = Problem(name, LongestName, "Tell us your name."),
            MessageProblem = Problem(message, LongestMessage, "Write a few words."),
        };
    }

    private static string? Problem(string text, int longest, string whenEmpty) =>
        text.Length == 0 ? whenEmpty
        : text.Length > longest ? $"That is {text.Length} characters; {longest} fit."
        : null;
}

/// <summary>The newest entries, in memory.</summary>
public sealed class Guestbook
{
    private const int Kept = 50;

    private readonly LinkedList<GuestbookEntry> _entries = new();

    /// <summary>The entries, newest first.</summary>
    public IReadOnlyList<GuestbookEntry> Entries
    {
        get
        {
            lock (_entries)
            {
                return _entries.ToArray();
            }
        }
    }

    /// <summary>Adds an entry; the oldest one goes when there are too many.</summary>
    public void Sign(GuestbookForm form)
    {
        lock (_entries)
        {
            _entries.AddFirst(new GuestbookEntry(form.Name, form.Message, DateTimeOffset.UtcNow));
            if (_entries.Count > Kept)
            {
                _entries.RemoveLast();
            }
        }
    }
}
