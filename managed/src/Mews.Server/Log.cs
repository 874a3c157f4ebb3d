// The server's log messages: category "Mews.Server", numbers and levels as IIS in-process has them.

using System;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;

namespace Mews.Server;

/// <summary>Messages of the server.</summary>
internal static class Log
{
    private static readonly Action<ILogger, string, Exception?> s_unexpectedCallback =
        LoggerMessage.Define<string>(LogLevel.Error, new EventId(0, "UnexpectedException"), "Unexpected exception in {Where}.");

    private static readonly Action<ILogger, ulong, Exception?> s_connectionDisconnect =
        LoggerMessage.Define<ulong>(LogLevel.Debug, new EventId(1, "ConnectionDisconnect"), "Connection ID \"{ConnectionId}\" disconnecting.");

    private static readonly Action<ILogger, string, string, Exception?> s_applicationError =
        LoggerMessage.Define<string, string>(
            LogLevel.Error,
            new EventId(2, "ApplicationError"),
            "Connection ID \"{ConnectionId}\", Request ID \"{TraceIdentifier}\": An unhandled exception was thrown by the application.");

    private static readonly Action<ILogger, string, Exception?> s_unexpectedError =
        LoggerMessage.Define<string>(LogLevel.Error, new EventId(3, "UnexpectedError"), "Unexpected exception in \"{Operation}\".");

    private static readonly Action<ILogger, string, string, Exception?> s_badRequest =
        LoggerMessage.Define<string, string>(
            LogLevel.Debug, new EventId(4, "ConnectionBadRequest"), "Connection id \"{ConnectionId}\" bad request data: \"{Message}\"");

    private static readonly Action<ILogger, string, string, Exception?> s_requestAborted =
        LoggerMessage.Define<string, string>(
            LogLevel.Debug,
            new EventId(5, "RequestAborted"),
            "Connection ID \"{ConnectionId}\", Request ID \"{TraceIdentifier}\": The request was aborted by the client.");

    private static readonly Action<ILogger, long, long, Exception?> s_limitAboveHosts =
        LoggerMessage.Define<long, long>(
            LogLevel.Warning,
            new EventId(6, "MaxRequestBodySizeAboveHostLimit"),
            "MaxRequestBodySize is set to {Limit} bytes, but the host refuses requests above {HostLimit} bytes before the application sees them. "
            + "Raise maxAllowedContentLength in web.config as well.");

    internal static void UnexpectedCallback(ILogger logger, Exception error, [CallerMemberName] string where = "")
        => s_unexpectedCallback(logger, where, error);

    internal static void ConnectionDisconnect(ILogger logger, ulong connectionId) => s_connectionDisconnect(logger, connectionId, null);

    internal static void ApplicationError(ILogger logger, string connectionId, string traceIdentifier, Exception error)
        => s_applicationError(logger, connectionId, traceIdentifier, error);

    internal static void UnexpectedError(ILogger logger, Exception error, [CallerMemberName] string operation = "")
        => s_unexpectedError(logger, operation, error);

    internal static void BadRequest(ILogger logger, string connectionId, Exception error)
        => s_badRequest(logger, connectionId, error.Message, error);

    internal static void RequestAborted(ILogger logger, string connectionId, string traceIdentifier, Exception error)
        => s_requestAborted(logger, connectionId, traceIdentifier, error);

    internal static void LimitAboveHosts(ILogger logger, long limit, long hostLimit) => s_limitAboveHosts(logger, limit, hostLimit, null);
}
