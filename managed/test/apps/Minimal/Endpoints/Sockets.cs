// Connections that stay: server-sent events and WebSockets.

using System.Net.WebSockets;
using System.Text;

namespace Mews.TestApps.Minimal.Endpoints;

/// <summary>Server-sent events and a WebSocket echo.</summary>
public static class Sockets
{
    /// <summary>Maps the endpoints of this file.</summary>
    public static void MapSockets(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/sse", ServerSentEvents);
        routes.Map("/ws", (RequestDelegate)WebSocketEcho);
    }

    /// <summary><c>n</c> events (default 3; 0: until the client goes), <c>ms</c> milliseconds apart.</summary>
    private static async Task ServerSentEvents(HttpContext context, IHostApplicationLifetime lifetime, int n = 3, int ms = 10)
    {
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-cache";
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        try
        {
            for (var i = 0; n == 0 || i < n; i++)
            {
                await context.Response.WriteAsync($"id: {i}\ndata: event {i}\n\n", ends.Token);
                await context.Response.Body.FlushAsync(ends.Token);
                await Task.Delay(ms, ends.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The client has gone or the app stops: the stream simply ends.
        }
    }

    /// <summary>Echoes messages; the text <c>close</c> makes the server close first, <c>abort</c> makes it cut the connection. With <c>deflate</c> in the query messages may be compressed, with <c>whole</c> they are collected first.</summary>
    private static async Task WebSocketEcho(HttpContext context)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            await context.Response.WriteAsync("This address speaks WebSocket only.\n");
            return;
        }

        var protocol = context.WebSockets.WebSocketRequestedProtocols.FirstOrDefault();
        var asked = new WebSocketAcceptContext
        {
            SubProtocol = protocol,
            DangerousEnableCompression = context.Request.Query.ContainsKey("deflate"),
        };
        using var socket = await context.WebSockets.AcceptWebSocketAsync(asked);
        var whole = context.Request.Query.ContainsKey("whole");
        var buffer = new byte[16 * 1024];
        while (true)
        {
            if (whole)
            {
                if (!await EchoWhole(socket, buffer, context.RequestAborted))
                {
                    return;
                }

                continue;
            }

            var received = await socket.ReceiveAsync(buffer, context.RequestAborted);
            if (received.MessageType == WebSocketMessageType.Close)
            {
                await socket.CloseAsync(received.CloseStatus ?? WebSocketCloseStatus.Empty, received.CloseStatusDescription, context.RequestAborted);
                return;
            }

            var text = received.MessageType == WebSocketMessageType.Text && received.EndOfMessage
                ? Encoding.UTF8.GetString(buffer, 0, received.Count)
                : null;
            if (text == "close")
            {
                await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "asked to close", context.RequestAborted);
                return;
            }

            if (text == "abort")
            {
                context.Abort();
                return;
            }

            await socket.SendAsync(buffer.AsMemory(0, received.Count), received.MessageType, received.EndOfMessage, context.RequestAborted);
        }
    }

    /// <summary>Takes a whole message before any of it goes back: some clients read nothing while they send. False: the client has closed.</summary>
    private static async Task<bool> EchoWhole(WebSocket socket, byte[] buffer, CancellationToken ends)
    {
        using var message = new MemoryStream();
        ValueWebSocketReceiveResult received;
        do
        {
            received = await socket.ReceiveAsync(buffer.AsMemory(), ends);
            message.Write(buffer, 0, received.Count);
        }
        while (!received.EndOfMessage);
        if (received.MessageType == WebSocketMessageType.Close)
        {
            await socket.CloseAsync(socket.CloseStatus ?? WebSocketCloseStatus.Empty, socket.CloseStatusDescription, ends);
            return false;
        }

        await socket.SendAsync(message.GetBuffer().AsMemory(0, (int)message.Length), received.MessageType, endOfMessage: true, ends);
        return true;
    }
}
