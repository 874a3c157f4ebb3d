// Durations from the environment.

using System.Globalization;

namespace Mews.TestApps.Broken;

/// <summary>Reads the environment variables that tune a mode.</summary>
public static class Settings
{
    /// <summary>The milliseconds in variable <paramref name="name"/>, or <paramref name="otherwise"/> when it is unset or no number.</summary>
    public static int Milliseconds(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : otherwise;
}
