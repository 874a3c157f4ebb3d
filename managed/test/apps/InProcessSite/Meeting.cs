// Two requests that must meet: one waits for, or hears of, the other.

using System.Collections.Concurrent;

namespace Mews.TestApps.InProcessSite;

/// <summary>
/// Named meeting points. Either side may come first, and each meeting uses its name up, so that a pair of endpoints
/// can be called again and again.
/// </summary>
public static class Meeting
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private static readonly ConcurrentDictionary<string, TaskCompletionSource> s_points = new();

    /// <summary>Waits for the other side; throws what it has failed with, or TimeoutException when it does not come.</summary>
    public static async Task Wait(string name)
    {
        try
        {
            await Point(name).Task.WaitAsync(s_patience);
        }
        finally
        {
            s_points.TryRemove(name, out _);
        }
    }

    /// <summary>Lets the waiting side go on.</summary>
    public static void Arrive(string name) => Point(name).TrySetResult();

    /// <summary>Runs <paramref name="work"/> and tells the waiting side how it ended. Throws nothing itself.</summary>
    public static async Task Report(string name, Func<Task> work)
    {
        try
        {
            await work();
            Point(name).TrySetResult();
        }
        catch (Exception failure)
        {
            Point(name).TrySetException(failure);
        }
    }

    private static TaskCompletionSource Point(string name) =>
        s_points.GetOrAdd(name, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
}
