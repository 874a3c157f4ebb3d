// Runs before Main when DOTNET_STARTUP_HOOKS names this assembly. The runtime looks for this name in no namespace.

/// <summary>Remembers that it was called.</summary>
internal static class StartupHook
{
    /// <summary>Whether the runtime has called <see cref="Initialize"/>.</summary>
    internal static bool Called { get; private set; }

    /// <summary>Called by the runtime.</summary>
    public static void Initialize() => Called = true;
}
