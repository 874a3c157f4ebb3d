// The well-known header numbers of the function table and their names.
// A number is an aid for speed; two names are equal when their bytes are, ignoring ASCII case.

using System;
using Microsoft.Net.Http.Headers;

namespace Mews.Server.Headers;

/// <summary>Well-known header numbers.</summary>
internal static class KnownHeader
{
    internal const int None = 0;
    internal const int Accept = 1;
    internal const int AcceptEncoding = 2;
    internal const int AcceptLanguage = 3;
    internal const int Authorization = 4;
    internal const int CacheControl = 5;
    internal const int Connection = 6;
    internal const int ContentLength = 7;
    internal const int ContentType = 8;
    internal const int Cookie = 9;
    internal const int Date = 10;
    internal const int ETag = 11;
    internal const int Expect = 12;
    internal const int Host = 13;
    internal const int IfModifiedSince = 14;
    internal const int IfNoneMatch = 15;
    internal const int LastModified = 16;
    internal const int Location = 17;
    internal const int Origin = 18;
    internal const int Pragma = 19;
    internal const int Range = 20;
    internal const int Referer = 21;
    internal const int Server = 22;
    internal const int SetCookie = 23;
    internal const int TE = 24;
    internal const int Trailer = 25;
    internal const int TransferEncoding = 26;
    internal const int Upgrade = 27;
    internal const int UserAgent = 28;
    internal const int Vary = 29;
    internal const int WWWAuthenticate = 30;
    internal const int ContentEncoding = 31;
    internal const int Expires = 32;
    internal const int KeepAlive = 33;
    internal const int ContentDisposition = 34;
    internal const int AcceptRanges = 35;
    internal const int ContentLanguage = 36;
    internal const int ContentRange = 37;
    internal const int RetryAfter = 38;
    internal const int StrictTransportSecurity = 39;
    internal const int XForwardedFor = 40;
    internal const int XForwardedProto = 41;
    internal const int Forwarded = 42;

    /// <summary>One more than the highest number.</summary>
    internal const int Count = 43;

    private static readonly string[] s_names =
    {
        string.Empty, HeaderNames.Accept, HeaderNames.AcceptEncoding, HeaderNames.AcceptLanguage, HeaderNames.Authorization,
        HeaderNames.CacheControl, HeaderNames.Connection, HeaderNames.ContentLength, HeaderNames.ContentType, HeaderNames.Cookie,
        HeaderNames.Date, HeaderNames.ETag, HeaderNames.Expect, HeaderNames.Host, HeaderNames.IfModifiedSince,
        HeaderNames.IfNoneMatch, HeaderNames.LastModified, HeaderNames.Location, HeaderNames.Origin, HeaderNames.Pragma,
        HeaderNames.Range, HeaderNames.Referer, HeaderNames.Server, HeaderNames.SetCookie, HeaderNames.TE,
        HeaderNames.Trailer, HeaderNames.TransferEncoding, HeaderNames.Upgrade, HeaderNames.UserAgent, HeaderNames.Vary,
        HeaderNames.WWWAuthenticate, HeaderNames.ContentEncoding, HeaderNames.Expires, HeaderNames.KeepAlive,
        HeaderNames.ContentDisposition, HeaderNames.AcceptRanges, HeaderNames.ContentLanguage, HeaderNames.ContentRange,
        HeaderNames.RetryAfter, HeaderNames.StrictTransportSecurity, "X-Forwarded-For", "X-Forwarded-Proto", "Forwarded",
    };

    /// <summary>The usual spelling of a number's name; the empty string for 0.</summary>
    internal static string Name(int number) => s_names[number];

    /// <summary>The number of a name in any case; 0 when it has none.</summary>
    internal static int Find(string name)
    {
        // Length and the folded first letter leave at most two candidates.
        switch ((name.Length << 8) | (name.Length == 0 ? 0 : name[0] | 0x20))
        {
            case (2 << 8) | 't': return Is(name, TE);
            case (4 << 8) | 'd': return Is(name, Date);
            case (4 << 8) | 'e': return Is(name, ETag);
            case (4 << 8) | 'h': return Is(name, Host);
            case (4 << 8) | 'v': return Is(name, Vary);
            case (5 << 8) | 'r': return Is(name, Range);
            case (6 << 8) | 'a': return Is(name, Accept);
            case (6 << 8) | 'c': return Is(name, Cookie);
            case (6 << 8) | 'e': return Is(name, Expect);
            case (6 << 8) | 'o': return Is(name, Origin);
            case (6 << 8) | 'p': return Is(name, Pragma);
            case (6 << 8) | 's': return Is(name, Server);
            case (7 << 8) | 'e': return Is(name, Expires);
            case (7 << 8) | 'r': return Is(name, Referer);
            case (7 << 8) | 't': return Is(name, Trailer);
            case (7 << 8) | 'u': return Is(name, Upgrade);
            case (8 << 8) | 'l': return Is(name, Location);
            case (9 << 8) | 'f': return Is(name, Forwarded);
            case (10 << 8) | 'c': return Is(name, Connection);
            case (10 << 8) | 'k': return Is(name, KeepAlive);
            case (10 << 8) | 's': return Is(name, SetCookie);
            case (10 << 8) | 'u': return Is(name, UserAgent);
            case (11 << 8) | 'r': return Is(name, RetryAfter);
            case (12 << 8) | 'c': return Is(name, ContentType);
            case (13 << 8) | 'a': return Is(name, Authorization, AcceptRanges);
            case (13 << 8) | 'c': return Is(name, CacheControl, ContentRange);
            case (13 << 8) | 'i': return Is(name, IfNoneMatch);
            case (13 << 8) | 'l': return Is(name, LastModified);
            case (14 << 8) | 'c': return Is(name, ContentLength);
            case (15 << 8) | 'a': return Is(name, AcceptEncoding, AcceptLanguage);
            case (15 << 8) | 'x': return Is(name, XForwardedFor);
            case (16 << 8) | 'c': return Is(name, ContentEncoding, ContentLanguage);
            case (16 << 8) | 'w': return Is(name, WWWAuthenticate);
            case (17 << 8) | 'i': return Is(name, IfModifiedSince);
            case (17 << 8) | 't': return Is(name, TransferEncoding);
            case (17 << 8) | 'x': return Is(name, XForwardedProto);
            case (19 << 8) | 'c': return Is(name, ContentDisposition);
            case (25 << 8) | 's': return Is(name, StrictTransportSecurity);
            default: return None;
        }
    }

    private static int Is(string name, int candidate)
    {
        string known = s_names[candidate];
        return ReferenceEquals(name, known) || string.Equals(name, known, StringComparison.OrdinalIgnoreCase) ? candidate : None;
    }

    private static int Is(string name, int first, int second)
    {
        int found = Is(name, first);
        return found != None ? found : Is(name, second);
    }
}
