// gRPC as it is on the wire: messages behind their lengths, metadata in headers, the status in trailers. There is no library
// here, so that what a client finds wrong is the host's.

using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http.Features;

namespace Mews.TestApps.Minimal.Endpoints;

/// <summary>The methods of a service whose messages are plain bytes.</summary>
public static class Calls
{
    private const int Ok = 0;
    private const int InvalidArgument = 3;
    private const int DeadlineExceeded = 4;
    private const int Unimplemented = 12;

    /// <summary>The flag and the length before each message.</summary>
    private const int PrefixSize = 5;

    private static int s_waiting;

    /// <summary>Maps the endpoints of this file.</summary>
    public static void MapCalls(this IEndpointRouteBuilder routes)
    {
        var service = routes.MapGroup("/calls.Service");
        Map("Unary", Unary);
        Map("Download", Download);
        Map("Upload", Upload);
        Map("Chat", Chat);
        Map("Wait", Wait);
        Map("Waiting", (context, _) => Write(context, Encoding.UTF8.GetBytes(Volatile.Read(ref s_waiting).ToString(CultureInfo.InvariantCulture))));
        Map("Refuse", Refuse);
        Map("Reset", Reset);
        service.MapPost("/{method}", (HttpContext context) => EndWithoutMessage(context, Unimplemented, "there is no such method"));

        void Map(string name, Func<HttpContext, CancellationToken, Task> method) =>
            service.MapPost("/" + name, (RequestDelegate)(context => Run(context, method)));
    }

    /// <summary>What every call has in common: the metadata that goes back, the deadline, and the status at the end.</summary>
    private static async Task Run(HttpContext context, Func<HttpContext, CancellationToken, Task> method)
    {
        context.Response.ContentType = "application/grpc";
        foreach (var name in new[] { "x-text", "x-data-bin" })
        {
            if (context.Request.Headers.TryGetValue(name, out var value))
            {
                context.Response.Headers[name] = value;
                context.Response.AppendTrailer("trailing-" + name, value);
            }
        }

        using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        // The client minds the usual one too; the other one is for the app alone.
        var asked = context.Request.Headers["x-deadline"].FirstOrDefault() ?? context.Request.Headers["grpc-timeout"].ToString();
        if (Deadline(asked) is { } deadline)
        {
            ends.CancelAfter(deadline);
        }

        try
        {
            await method(context, ends.Token);
            if (!context.RequestAborted.IsCancellationRequested && !context.Response.HasStarted)
            {
                await context.Response.StartAsync(ends.Token);
            }

            End(context, Ok, null);
        }
        catch (OperationCanceledException) when (!context.RequestAborted.IsCancellationRequested)
        {
            End(context, DeadlineExceeded, "the deadline has passed");
        }
        catch (OperationCanceledException)
        {
            // Nobody is there to be told.
        }
        catch (CallException refused)
        {
            await EndWithoutMessage(context, refused.Status, refused.Message);
        }
    }

    private static async Task Unary(HttpContext context, CancellationToken ends) =>
        await Write(context, await Read(context.Request.BodyReader, ends) ?? throw new CallException(InvalidArgument, "there is no message"));

    /// <summary>"COUNT SIZE": so many messages of that size; with COUNT 0 until the client has enough.</summary>
    private static async Task Download(HttpContext context, CancellationToken ends)
    {
        var words = Encoding.UTF8.GetString(await Read(context.Request.BodyReader, ends) ?? []).Split(' ');
        if (words.Length != 2 || !int.TryParse(words[0], out var count) || !int.TryParse(words[1], out var size))
        {
            throw new CallException(InvalidArgument, "COUNT SIZE is expected, 100 % digits");
        }

        Interlocked.Increment(ref s_waiting);
        try
        {
            var message = new byte[size];
            for (var i = 0; count == 0 || i < count; i++)
            {
                ends.ThrowIfCancellationRequested();
                Pattern.Fill(message, i);
                await Write(context, message);
            }
        }
        finally
        {
            Interlocked.Decrement(ref s_waiting);
        }
    }

    /// <summary>How many messages and bytes came, and their hash.</summary>
    private static async Task Upload(HttpContext context, CancellationToken ends)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var (count, bytes) = (0, 0L);
        while (await Read(context.Request.BodyReader, ends) is { } message)
        {
            sha.AppendData(message);
            count++;
            bytes += message.Length;
        }

        var hash = Convert.ToHexString(sha.GetHashAndReset()).ToLowerInvariant();
        await Write(context, Encoding.UTF8.GetBytes($"{count} {bytes} {hash}"));
    }

    /// <summary>Each message goes back as it comes.</summary>
    private static async Task Chat(HttpContext context, CancellationToken ends)
    {
        // Clients may want to see metadata before they say anything.
        await context.Response.StartAsync(ends);
        await context.Response.Body.FlushAsync(ends);
        while (await Read(context.Request.BodyReader, ends) is { } message)
        {
            await Write(context, message);
        }
    }

    /// <summary>Does nothing until the client has enough or the deadline passes.</summary>
    private static async Task Wait(HttpContext context, CancellationToken ends)
    {
        Interlocked.Increment(ref s_waiting);
        try
        {
            await Task.Delay(Timeout.Infinite, ends);
        }
        finally
        {
            Interlocked.Decrement(ref s_waiting);
        }
    }

    /// <summary>"STATUS TEXT": that is the call's end, after one message, or without any if TEXT begins with a "!".</summary>
    private static async Task Refuse(HttpContext context, CancellationToken ends)
    {
        var words = Encoding.UTF8.GetString(await Read(context.Request.BodyReader, ends) ?? []).Split(' ', 2);
        var status = int.Parse(words[0], CultureInfo.InvariantCulture);
        if (!words[1].StartsWith('!'))
        {
            await Write(context, "before the end"u8.ToArray());
        }

        throw new CallException(status, words[1]);
    }

    /// <summary>Resets the stream with the code that the message names.</summary>
    private static async Task Reset(HttpContext context, CancellationToken ends)
    {
        var code = Encoding.UTF8.GetString(await Read(context.Request.BodyReader, ends) ?? []);
        context.Features.GetRequiredFeature<IHttpResetFeature>().Reset(int.Parse(code, CultureInfo.InvariantCulture));
        await Task.Delay(Timeout.Infinite, ends);
    }

    /// <summary>The next message; null when there is none.</summary>
    private static async Task<byte[]?> Read(PipeReader body, CancellationToken ends)
    {
        while (true)
        {
            var result = await body.ReadAsync(ends);
            var buffer = result.Buffer;
            if (TryTake(ref buffer, out var message))
            {
                body.AdvanceTo(buffer.Start);
                return message;
            }

            body.AdvanceTo(buffer.Start, buffer.End);
            if (result.IsCompleted)
            {
                return buffer.IsEmpty ? null : throw new CallException(InvalidArgument, "the last message is cut short");
            }
        }
    }

    private static bool TryTake(ref ReadOnlySequence<byte> buffer, [NotNullWhen(true)] out byte[]? message)
    {
        message = null;
        if (buffer.Length < PrefixSize)
        {
            return false;
        }

        Span<byte> prefix = stackalloc byte[PrefixSize];
        buffer.Slice(0, PrefixSize).CopyTo(prefix);
        if (prefix[0] != 0)
        {
            throw new CallException(Unimplemented, "compressed messages are not understood");
        }

        var length = (int)BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]);
        if (buffer.Length < PrefixSize + length)
        {
            return false;
        }

        message = buffer.Slice(PrefixSize, length).ToArray();
        buffer = buffer.Slice(PrefixSize + length);
        return true;
    }

    private static async Task Write(HttpContext context, byte[] message)
    {
        Put(context.Response.BodyWriter, message);
        await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
    }

    private static void Put(PipeWriter body, byte[] message)
    {
        var prefix = body.GetSpan(PrefixSize);
        prefix[0] = 0;
        BinaryPrimitives.WriteUInt32BigEndian(prefix[1..], (uint)message.Length);
        body.Advance(PrefixSize);
        body.Write(message);
    }

    /// <summary>The status behind what was sent, or in the only head when nothing was.</summary>
    private static async Task EndWithoutMessage(HttpContext context, int status, string text)
    {
        context.Response.ContentType ??= "application/grpc";
        End(context, status, text);
        await context.Response.CompleteAsync();
    }

    private static void End(HttpContext context, int status, string? text)
    {
        void Say(string name, string value)
        {
            if (context.Response.HasStarted)
            {
                context.Response.AppendTrailer(name, value);
            }
            else
            {
                context.Response.Headers[name] = value;
            }
        }

        Say("grpc-status", status.ToString(CultureInfo.InvariantCulture));
        if (text is not null)
        {
            Say("grpc-message", Uri.EscapeDataString(text));
        }
    }

    /// <summary>What <c>grpc-timeout</c> says: a number and a unit.</summary>
    private static TimeSpan? Deadline(string text)
    {
        if (text.Length < 2 || !long.TryParse(text[..^1], out var number))
        {
            return null;
        }

        return text[^1] switch
        {
            'H' => TimeSpan.FromHours(number),
            'M' => TimeSpan.FromMinutes(number),
            'S' => TimeSpan.FromSeconds(number),
            'm' => TimeSpan.FromMilliseconds(number),
            'u' => TimeSpan.FromMicroseconds(number),
            'n' => TimeSpan.FromMicroseconds(number / 1000.0),
            _ => null,
        };
    }

    /// <summary>Ends a call with a status that is not OK.</summary>
    private sealed class CallException(int status, string message) : Exception(message)
    {
        public int Status { get; } = status;
    }
}
