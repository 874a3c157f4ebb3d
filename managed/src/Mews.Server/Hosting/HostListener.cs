// Waits for the generic host to say that it is being built. Knows the event's shape, not what is to be done with it.

using System;
using System.Collections.Generic;
using System.Diagnostics;

namespace Mews.Server.Hosting;

/// <summary>Listens to the diagnostics of Microsoft.Extensions.Hosting.</summary>
internal sealed class HostListener : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>
{
    private const string ListenerName = "Microsoft.Extensions.Hosting";
    private const string EventName = "HostBuilding";

    /// <summary>Begins to listen, for the life of the process.</summary>
    internal static void Subscribe() => DiagnosticListener.AllListeners.Subscribe(new HostListener());

    public void OnNext(DiagnosticListener listener)
    {
        if (listener.Name == ListenerName)
        {
            listener.Subscribe(this, static (name, _, _) => name == EventName);
        }
    }

    public void OnNext(KeyValuePair<string, object?> pair)
    {
        if (pair.Key == EventName && pair.Value is { } builder)
        {
            // Apart: only now are the hosting types needed.
            GenericHostEntry.OnHostBuilding(builder);
        }
    }

    public void OnCompleted()
    {
    }

    public void OnError(Exception error)
    {
    }
}
