// Assertions inside handlers: a failed one becomes the app's 500.

using System.Runtime.CompilerServices;

namespace Mews.TestApps.InProcessSite;

/// <summary>Checks that throw.</summary>
public static class Check
{
    /// <summary>Throws when <paramref name="condition"/> is false; the message is the condition's own text.</summary>
    public static void True(bool condition, [CallerArgumentExpression(nameof(condition))] string? text = null)
    {
        if (!condition)
        {
            throw new InvalidOperationException($"Check failed: {text}");
        }
    }

    /// <summary>Throws when the two values differ.</summary>
    public static void Equal<T>(T expected, T actual, [CallerArgumentExpression(nameof(actual))] string? text = null)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual))
        {
            throw new InvalidOperationException($"Check failed: {text} is '{actual}' and should be '{expected}'");
        }
    }

    /// <summary>Throws unless <paramref name="action"/> throws a <typeparamref name="TException"/>; answers that exception.</summary>
    public static TException Throws<TException>(Action action, [CallerArgumentExpression(nameof(action))] string? text = null)
        where TException : Exception
    {
        try
        {
            action();
        }
        catch (TException expected)
        {
            return expected;
        }

        throw new InvalidOperationException($"Check failed: {text} did not throw {typeof(TException).Name}");
    }

    /// <summary>Throws unless <paramref name="task"/> fails with a <typeparamref name="TException"/>; answers that exception.</summary>
    public static async Task<TException> ThrowsAsync<TException>(Task task, [CallerArgumentExpression(nameof(task))] string? text = null)
        where TException : Exception
    {
        try
        {
            await task;
        }
        catch (TException expected)
        {
            return expected;
        }

        throw new InvalidOperationException($"Check failed: {text} did not throw {typeof(TException).Name}");
    }
}
