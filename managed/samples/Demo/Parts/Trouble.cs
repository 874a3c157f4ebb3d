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

        // Browsers send a request again when a connection that they had used before ends without an answer. The page
        // therefore says which process it means, or one press would kill its successor too.
        app.MapPost("/api/trouble/crash", IResult (int? pid) =>
        {
            if (pid is { } meant && meant != Environment.ProcessId)
            {
                return Results.Problem(statusCode: 409, title: $"The process {meant} has gone already.");
            }

            Environment.FailFast("The visitor pressed the button that crashes this worker.");
            return Results.NoContent();
        });
        app.MapPost("/api/trouble/block", () =>
        {
            Thread.Sleep(s_block);
            return new { thread = Environment.CurrentManagedThreadId, seconds = s_block.TotalSeconds };
        });
        app.MapPost("/api/trouble/throw", string () => throw new InvalidOperationException("The visitor pressed the button that throws."));
    }
}
