// The measured answers. Nothing here allocates per request beyond what ASP.NET Core's own API makes it.

using System.Globalization;
using System.Net.WebSockets;
using System.Text;

namespace Mews.Samples.Bench;

/// <summary>One method for each path.</summary>
public static class Answers
{
    private static readonly byte[] s_hello = Encoding.UTF8.GetBytes("Hello, World!");
    private static readonly byte[] s_index = Encoding.UTF8.GetBytes("""
        /plaintext           Hello, World! from a byte array
        /json                the same as a serialised object
        /json1k              1 KiB as a serialised object
        /yield               /plaintext after one Task.Yield
        /loopback            /plaintext after 32 bytes to a TCP echo in this process and back
        /fanout              /plaintext after five such round trips at the same time
        /wait?ms=10          /plaintext after a timer
        /echo                a WebSocket that sends back what it gets
        /allocated           bytes that the app has allocated so far
        /block?ms=1000       /plaintext after the thread has slept
        /upload              POST: reads the body, answers its length
        /download?bytes=N    N bytes from one static buffer
        /file                10 MiB through SendFileAsync

        """);
    private static readonly byte[] s_block = CreateBlock();

    private static readonly Record s_record = Record.Create();

    private readonly record struct Message(string message);

    /// <summary>An object whose JSON is 1 KiB long.</summary>
    private sealed record Record(int id, string name, string description, double[] prices)
    {
        public static Record Create()
        {
            var empty = new Record(4711, "falcon", string.Empty, [1.5, 2.25, 3.125, 4.0625]);
            var room = 1024 - System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(empty).Length;
            return empty with { description = new string('d', room) };
        }
    }

    /// <summary>Thirteen bytes under a Content-Length, in one write.</summary>
    public static Task Plaintext(HttpContext context)
    {
        var response = context.Response;
        response.ContentType = "text/plain";
        response.ContentLength = s_hello.Length;
        return response.Body.WriteAsync(s_hello, 0, s_hello.Length);
    }

    /// <summary>A small object, serialised for each request.</summary>
    public static Task Json(HttpContext context) => context.Response.WriteAsJsonAsync(new Message("Hello, World!"));

    /// <summary>1 KiB, serialised for each request.</summary>
    public static Task Json1k(HttpContext context) => context.Response.WriteAsJsonAsync(s_record);

    /// <summary>A handler that truly goes asynchronous, and comes back on a pool thread.</summary>
    public static async Task Yield(HttpContext context)
    {
        await Task.Yield();
        await Plaintext(context);
    }

    /// <summary>A handler that awaits I/O, as one with a database would.</summary>
    public static async Task Loopback(HttpContext context, LoopbackEcho echo)
    {
        await echo.RoundTrip(context.RequestAborted);
        await Plaintext(context);
    }

    /// <summary>A handler that asks for five things at once, and needs them all.</summary>
    public static async Task FanOut(HttpContext context, LoopbackEcho echo)
    {
        var trips = new Task[5];
        for (var i = 0; i < trips.Length; i++)
        {
            trips[i] = echo.RoundTrip(context.RequestAborted).AsTask();
        }

        await Task.WhenAll(trips);
        await Plaintext(context);
    }

    /// <summary>A handler that waits as most real ones do: for something else than the processor.</summary>
    public static async Task Wait(HttpContext context)
    {
        await Task.Delay((int)Number(context, "ms", 10, 60_000), context.RequestAborted);
        await Plaintext(context);
    }

    /// <summary>Sends back each message of a WebSocket.</summary>
    public static async Task Echo(HttpContext context)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            return;
        }

        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var buffer = new byte[16 * 1024];
        while (true)
        {
            var message = await socket.ReceiveAsync(buffer.AsMemory(), context.RequestAborted);
            if (message.MessageType == WebSocketMessageType.Close)
            {
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
                return;
            }

            await socket.SendAsync(buffer.AsMemory(0, message.Count), message.MessageType, message.EndOfMessage, context.RequestAborted);
        }
    }

    /// <summary>What the runtime has allocated in this process since its start, in bytes.</summary>
    public static Task Allocated(HttpContext context) =>
        context.Response.WriteAsync(GC.GetTotalAllocatedBytes(precise: true).ToString(CultureInfo.InvariantCulture));

    /// <summary>A handler that blocks its thread for <c>ms</c> milliseconds.</summary>
    public static Task Block(HttpContext context)
    {
        Thread.Sleep((int)Number(context, "ms", 1000, 60_000));
        return Plaintext(context);
    }

    /// <summary>Reads the body to its end and answers the number of bytes.</summary>
    public static async Task Upload(HttpContext context)
    {
        var reader = context.Request.BodyReader;
        long length = 0;
        while (true)
        {
            var result = await reader.ReadAsync(context.RequestAborted);
            length += result.Buffer.Length;
            reader.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                break;
            }
        }

        await context.Response.WriteAsync(length.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary><c>bytes</c> bytes (default 10 MiB) under a Content-Length.</summary>
    public static async Task Download(HttpContext context)
    {
        var remaining = Number(context, "bytes", 10 * 1024 * 1024, long.MaxValue);
        var response = context.Response;
        response.ContentType = "application/octet-stream";
        response.ContentLength = remaining;
        while (remaining > 0)
        {
            var count = (int)Math.Min(remaining, s_block.Length);
            await response.Body.WriteAsync(s_block.AsMemory(0, count), context.RequestAborted);
            remaining -= count;
        }
    }

    /// <summary>The list of paths.</summary>
    public static Task Index(HttpContext context)
    {
        context.Response.ContentType = "text/plain";
        context.Response.ContentLength = s_index.Length;
        return context.Response.Body.WriteAsync(s_index, 0, s_index.Length);
    }

    /// <summary>404 without a body.</summary>
    public static Task NotFound(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    }

    private static long Number(HttpContext context, string name, long otherwise, long limit) =>
        long.TryParse(context.Request.Query[name], NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? Math.Min(value, limit)
            : otherwise;

    private static byte[] CreateBlock()
    {
        var block = new byte[64 * 1024];
        for (var i = 0; i < block.Length; i++)
        {
            block[i] = (byte)('a' + (i % 26));
        }

        return block;
    }
}
