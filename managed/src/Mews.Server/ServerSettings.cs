// What every request needs to know of the server: settled before the first one.

using System;
using Microsoft.Extensions.Logging;

namespace Mews.Server;

/// <summary>Settings shared by all contexts; does not change once the server has started.</summary>
internal sealed class ServerSettings
{
    internal required HostFacts Host { get; init; }

    internal required ILogger Logger { get; init; }

    /// <summary>Whether requests may use synchronous reads and writes unless they say otherwise.</summary>
    internal required bool AllowSynchronousIO { get; init; }

    /// <summary>The limit each request begins with, in bytes; null when there is none.</summary>
    internal required long? MaxRequestBodySize { get; init; }

    /// <summary>Whether a user who has signed in is <c>HttpContext.User</c> without being asked for.</summary>
    internal required bool AutomaticAuthentication { get; init; }

    /// <summary>Whether a connection stays open after a request with both Content-Length and a chunked body.</summary>
    internal bool KeepAliveAfterBothLengths { get; } =
        AppContext.TryGetSwitch("Microsoft.AspNetCore.Server.IIS.AllowKeepAliveAfterCLTE", out bool on) && on;
}
