// A chat room over WebSockets.

using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text.Json;
using System.Threading.Channels;

namespace Mews.Samples.Demo.Parts;

/// <summary>What is sent to everyone: a line of somebody's, or (with no name) the number of people here.</summary>
public sealed record ChatLine(string? Name, string? Text, int People);

/// <summary>Everyone who is here, and the last lines.</summary>
public sealed class ChatRoom
{
    private const int KeptLines = 30;
    private const int MostPeople = 200;

    private readonly object _lock = new();
    private readonly ConcurrentDictionary<ChannelWriter<ChatLine>, byte> _people = new();
    private readonly Queue<ChatLine> _lines = new();

    /// <summary>Joins: answers what to send to this person from now on; null when the room is full.</summary>
    public Channel<ChatLine>? Join()
    {
        // Who reads too slowly misses the oldest lines, and holds nobody up.
        var inbox = Channel.CreateBounded<ChatLine>(new BoundedChannelOptions(KeptLines * 2) { FullMode = BoundedChannelFullMode.DropOldest });
        lock (_lock)
        {
            if (_people.Count >= MostPeople)
            {
                return null;
            }

            foreach (var line in _lines)
            {
                inbox.Writer.TryWrite(line);
            }

            _people.TryAdd(inbox.Writer, 0);
            SendToAll(new ChatLine(null, null, _people.Count));
        }

        return inbox;
    }

    /// <summary>Leaves.</summary>
    public void Leave(Channel<ChatLine> inbox)
    {
        lock (_lock)
        {
            _people.TryRemove(inbox.Writer, out _);
            inbox.Writer.TryComplete();
            SendToAll(new ChatLine(null, null, _people.Count));
        }
    }

    /// <summary>Says something to everyone.</summary>
    public void Say(string name, string text)
    {
        lock (_lock)
        {
            var line = new ChatLine(name, text, _people.Count);
            _lines.Enqueue(line);
            if (_lines.Count > KeptLines)
            {
                _lines.Dequeue();
            }

            SendToAll(line);
        }
    }

    private void SendToAll(ChatLine line)
    {
        foreach (var person in _people.Keys)
        {
            person.TryWrite(line);
        }
    }
}

/// <summary>The endpoint.</summary>
public static class ChatEndpoint
{
    private const int LongestMessage = 2048;
    private const int LongestName = 30;
    private const int LongestText = 300;

    private sealed record Said(string? Name, string? Text);

    /// <summary>Maps it.</summary>
    public static void MapChat(this IEndpointRouteBuilder routes) => routes.Map("/api/chat", Chat);

    private static async Task Chat(HttpContext context, ChatRoom room, IHostApplicationLifetime lifetime)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            return;
        }

        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        if (room.Join() is not { } inbox)
        {
            await socket.CloseAsync(WebSocketCloseStatus.PolicyViolation, "The room is full.", context.RequestAborted);
            return;
        }

        // When the app stops, the inbox ends, which closes the socket politely; a client that does not answer is cut off.
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        using var stopping = lifetime.ApplicationStopping.Register(() =>
        {
            inbox.Writer.TryComplete();
            end.CancelAfter(TimeSpan.FromSeconds(2));
        });
        var sending = Send(socket, inbox.Reader, end.Token);
        try
        {
            await Receive(socket, room, end.Token);
        }
        catch (Exception gone) when (gone is OperationCanceledException or WebSocketException)
        {
            // The person has gone.
        }
        finally
        {
            room.Leave(inbox);
            await sending;
        }
    }

    private static async Task Receive(WebSocket socket, ChatRoom room, CancellationToken cancellation)
    {
        var buffer = new byte[LongestMessage];
        while (true)
        {
            var length = 0;
            ValueWebSocketReceiveResult received;
            do
            {
                received = await socket.ReceiveAsync(buffer.AsMemory(length), cancellation);
                length += received.Count;
                if (received.MessageType == WebSocketMessageType.Close)
                {
                    if (socket.State == WebSocketState.Closed)
                    {
                        return;
                    }

                    await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, cancellation);
                    return;
                }

                if (length == buffer.Length && !received.EndOfMessage)
                {
                    await socket.CloseOutputAsync(WebSocketCloseStatus.MessageTooBig, $"A message has at most {LongestMessage} bytes.", cancellation);
                    return;
                }
            }
            while (!received.EndOfMessage);

            if (Read(buffer.AsSpan(0, length)) is { } said)
            {
                room.Say(Cut(said.Name, LongestName, "somebody"), Cut(said.Text, LongestText, "…"));
            }
        }
    }

    // Ends when the inbox is completed, or when the person has gone, whichever is first.
    private static async Task Send(WebSocket socket, ChannelReader<ChatLine> inbox, CancellationToken cancellation)
    {
        try
        {
            await foreach (var line in inbox.ReadAllAsync(cancellation))
            {
                var message = JsonSerializer.SerializeToUtf8Bytes(line, JsonSerializerOptions.Web);
                await socket.SendAsync(message, WebSocketMessageType.Text, endOfMessage: true, cancellation);
            }

            if (socket.State == WebSocketState.Open)
            {
                await socket.CloseOutputAsync(WebSocketCloseStatus.EndpointUnavailable, "The app stops.", cancellation);
            }
        }
        catch (Exception gone) when (gone is OperationCanceledException or WebSocketException)
        {
            // The receiving side notices too, and leaves the room.
        }
    }

    private static Said? Read(ReadOnlySpan<byte> message)
    {
        try
        {
            return JsonSerializer.Deserialize<Said>(message, JsonSerializerOptions.Web);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string Cut(string? text, int longest, string whenEmpty)
    {
        var trimmed = text?.Trim() ?? "";
        return trimmed.Length == 0 ? whenEmpty : trimmed.Length > longest ? trimmed[..longest] : trimmed;
    }
}
