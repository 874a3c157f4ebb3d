// The arguments that Main was given, for endpoints that show them.

namespace Mews.TestApps.Minimal;

/// <summary>The program's arguments, without the program's own name.</summary>
public sealed record LaunchArguments(IReadOnlyList<string> Values);
