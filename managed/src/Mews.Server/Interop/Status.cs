// The status codes that cross the function table, and the flag bits of its structures.
// Numbers only: what they lead to is decided where they are used.

namespace Mews.Server.Interop;

/// <summary>Answers of the native functions.</summary>
internal static class Status
{
    internal const int Done = 0;
    internal const int Pending = 1;
    /// <summary>The client is gone or the exchange was aborted.</summary>
    internal const int Gone = -1;
    internal const int InvalidCall = -2;
    internal const int Unsupported = -3;
    internal const int Stale = -4;
    internal const int MalformedBody = -5;
    internal const int BodyTooLarge = -6;
    internal const int BodyTimedOut = -7;
    /// <summary>Only from <c>body_read</c>: no bytes now, <c>on_body_ready</c> follows.</summary>
    internal const int WouldBlock = -100;
}

/// <summary>What a text handed to <c>report</c> is about.</summary>
internal static class ReportKind
{
    internal const int StartFailure = 1;
    internal const int UnhandledException = 2;
    internal const int Warning = 3;
    internal const int CannotBeHosted = 4;
}

/// <summary>Bits of <see cref="RawExchange.request_flags"/>.</summary>
internal static class RequestFlags
{
    internal const byte HasBody = 1;
    internal const byte Chunked = 2;
    internal const byte Expect100Continue = 4;
    internal const byte ResponseTrailers = 8;
    internal const byte MayUpgrade = 16;
    internal const byte ExtendedConnect = 32;
    internal const byte AsksForTrace = 64;
}

/// <summary>Bits of <see cref="RawExchange.response_flags"/>.</summary>
internal static class ResponseFlags
{
    internal const uint CloseConnection = 1;
    internal const uint Uncompressed = 2;
}

/// <summary>Bits of <see cref="HostInfo.flags"/>.</summary>
internal static class HostFlags
{
    internal const uint WindowsAuthentication = 1;
    internal const uint BasicAuthentication = 2;
    internal const uint AnonymousAuthentication = 4;
    internal const uint WebSockets = 8;
}
