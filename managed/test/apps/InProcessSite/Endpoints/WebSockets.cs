// Upgrades: by the server's own feature, and through the WebSockets middleware.

using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http.Features;

namespace Mews.TestApps.InProcessSite;

public sealed partial class Startup
{
    private const string CloseFromServer = "CloseFromServer";

    private void WebSocketNotUpgradable(HttpContext context) =>
        Check.True(!context.Features.GetRequiredFeature<IHttpUpgradeFeature>().IsUpgradableRequest);

    private void WebSocketUpgradable(HttpContext context) =>
        Check.True(context.Features.GetRequiredFeature<IHttpUpgradeFeature>().IsUpgradableRequest);

    private async Task WebSocketReadBeforeUpgrade(HttpContext context)
    {
        Check.Equal(0, await context.Request.Body.ReadAsync(new byte[1]));
        using var socket = await Upgrade(context);
        await Send(socket, "Yay");
        await WaitForClose(context, socket);
    }

    private async Task WebSocketEcho(HttpContext context)
    {
        using var socket = await Upgrade(context);
        await EchoMessages(context, socket);
    }

    private async Task WebSocketLifetimeEvents(HttpContext context)
    {
        var events = new List<string>();
        context.Response.OnStarting(() =>
        {
            context.Response.Headers["custom-header"] = "value";
            events.Add("OnStarting");
            return Task.CompletedTask;
        });
        using var socket = await Upgrade(context);
        events.Add("Upgraded");
        foreach (var text in events)
        {
            await Send(socket, text);
        }

        await WaitForClose(context, socket);
    }

    private async Task WebSocketUpgradeFails(HttpContext context)
    {
        var upgrade = context.Features.GetRequiredFeature<IHttpUpgradeFeature>();
        var refused = await Check.ThrowsAsync<InvalidOperationException>(upgrade.UpgradeAsync());
        if (IsInProcess(context))
        {
            Check.True(refused.Message.Contains("HTTP/1.1", StringComparison.Ordinal));
        }
    }

    private async Task WebSocketAllowCompression(HttpContext context)
    {
        var offered = context.Request.Headers.SecWebSocketExtensions.ToString();
        using var socket = await context.WebSockets.AcceptWebSocketAsync(new WebSocketAcceptContext { DangerousEnableCompression = true });
        await Send(socket, offered.Length > 0 ? offered : "None");
        await EchoMessages(context, socket);
    }

    // Only IIS's own server, and one that stands in for it, has server variables.
    private static bool IsInProcess(HttpContext context) => context.Features.Get<IServerVariablesFeature>() is not null;

    private static async Task<WebSocket> Upgrade(HttpContext context)
    {
        const string HandshakeGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
        var upgrade = context.Features.GetRequiredFeature<IHttpUpgradeFeature>();
        Check.True(upgrade.IsUpgradableRequest);

        var key = context.Request.Headers.SecWebSocketKey.ToString();
        var accept = Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + HandshakeGuid)));
        context.Response.Headers.Connection = "Upgrade";
        context.Response.Headers.Upgrade = "websocket";
        context.Response.Headers.SecWebSocketAccept = accept;

        var stream = await upgrade.UpgradeAsync();
        if (IsInProcess(context))
        {
            // The limit of a request's body must not cut what follows an upgrade.
            Check.Equal(null, context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize);
        }

        return WebSocket.CreateFromStream(stream, isServer: true, subProtocol: null, keepAliveInterval: TimeSpan.FromSeconds(30));
    }

    private static async Task EchoMessages(HttpContext context, WebSocket socket)
    {
        var stopping = context.RequestServices.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        var buffer = new byte[16 * 1024];
        try
        {
            while (true)
            {
                var received = await socket.ReceiveAsync(buffer, stopping);
                if (received.MessageType == WebSocketMessageType.Close)
                {
                    await socket.CloseAsync(received.CloseStatus ?? WebSocketCloseStatus.Empty, received.CloseStatusDescription, stopping);
                    return;
                }

                if (received.MessageType == WebSocketMessageType.Text && Encoding.UTF8.GetString(buffer, 0, received.Count) == CloseFromServer)
                {
                    await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, CloseFromServer, stopping);
                    return;
                }

                await socket.SendAsync(buffer.AsMemory(0, received.Count), received.MessageType, received.EndOfMessage, stopping);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The app stops: the connection ends with it.
        }
    }

    private static Task Send(WebSocket socket, string text) =>
        socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);

    private static async Task WaitForClose(HttpContext context, WebSocket socket)
    {
        var received = await socket.ReceiveAsync(new byte[128], context.RequestAborted);
        if (received.MessageType == WebSocketMessageType.Close)
        {
            await socket.CloseAsync(received.CloseStatus ?? WebSocketCloseStatus.Empty, received.CloseStatusDescription, context.RequestAborted);
        }
    }
}
