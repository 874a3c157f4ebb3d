// Assertions and the list of checks: all that is needed of a test framework here.

using System;
using System.Collections.Generic;
using System.Threading.Tasks;

namespace Mews.Server.Tests;

/// <summary>A check failed.</summary>
internal sealed class CheckFailed(string message) : Exception(message);

/// <summary>Assertions.</summary>
internal static class Check
{
    internal static void Equal<T>(T expected, T actual, string what)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual))
        {
            throw new CheckFailed(what + ": expected <" + expected + ">, got <" + actual + ">");
        }
    }

    internal static void True(bool condition, string what)
    {
        if (!condition)
        {
            throw new CheckFailed(what);
        }
    }

    internal static TException Throws<TException>(Action action, string what)
        where TException : Exception
    {
        try
        {
            action();
        }
        catch (TException error)
        {
            return error;
        }
        catch (Exception error)
        {
            throw new CheckFailed(what + ": expected " + typeof(TException).Name + ", got " + error);
        }

        throw new CheckFailed(what + ": expected " + typeof(TException).Name + ", nothing was thrown");
    }

    internal static async Task<TException> ThrowsAsync<TException>(Func<Task> action, string what)
        where TException : Exception
    {
        try
        {
            await action();
        }
        catch (TException error)
        {
            return error;
        }
        catch (Exception error)
        {
            throw new CheckFailed(what + ": expected " + typeof(TException).Name + ", got " + error);
        }

        throw new CheckFailed(what + ": expected " + typeof(TException).Name + ", nothing was thrown");
    }
}

/// <summary>The checks of this program, in the order they run.</summary>
internal sealed class Checks
{
    private readonly List<(string Name, Func<Task> Body)> _all = new();

    internal IReadOnlyList<(string Name, Func<Task> Body)> All => _all;

    internal void Add(string name, Action body) => _all.Add((name, () =>
    {
        body();
        return Task.CompletedTask;
    }));

    internal void Add(string name, Func<Task> body) => _all.Add((name, body));
}
