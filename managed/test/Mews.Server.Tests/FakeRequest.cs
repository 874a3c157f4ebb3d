// A request for the fake native side, as the checks describe it.

using System.Collections.Generic;

namespace Mews.Server.Tests;

/// <summary>A request to send.</summary>
internal sealed class FakeRequest
{
    internal string Method = "GET";
    internal string Target = "/";
    internal byte Version = 11;
    internal List<KeyValuePair<string, string>> Headers = new();
    internal byte[]? Body;
    internal bool Chunked;
    /// <summary>Whether the body's bytes come later, through <see cref="FakeExchange.Feed"/>.</summary>
    internal bool BodyLater;
    internal long? ContentLength;
    internal bool Trailers;
    /// <summary>Whether bytes come later although the request has no body: those of an upgraded connection.</summary>
    internal bool UpgradeLater;
    internal bool Tls;
    internal bool AsksForTrace;
    internal List<KeyValuePair<string, string>> RequestTrailers = new();

    internal FakeRequest Header(string name, string value)
    {
        Headers.Add(new(name, value));
        return this;
    }
}
