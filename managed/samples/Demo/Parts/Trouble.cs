// Things an app should not do, so that the host can be seen to bear them.

namespace Mews.Samples.Demo.Parts;

/// <summary>Endpoints that hurt; off when the setting Demo:AllowTrouble is false.</summary>
public static class Trouble
{
    private static readonly TimeSpan s_block = TimeSpan.FromSeconds(5);

    /// <summary>Maps them.</summary>
    public static void MapTrouble(this WebApplication app)
    {
        if (!app.Configuration.GetValue("Demo:AllowTrouble", defaultValue: true))
        {
            return;
        }

        app.MapPost("/api/trouble/crash", string () =>
        {
            Environment.FailFast("The visitor pressed the button that crashes this worker.");
            return "unreachable";
        });
        app.MapPost("/api/trouble/block", () =>
        {
            Thread.Sleep(s_block);
            return new { thread = Environment.CurrentManagedThreadId, seconds = s_block.TotalSeconds };
        });
        app.MapPost("/api/trouble/throw", string () => throw new InvalidOperationException("The visitor pressed the button that throws."));
    }
}
