// Short ways to the well-known headers that frameworks use most, past the search by name.
// The interface's own defaults would look every one of them up.

using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Mews.Server.Headers;

internal abstract partial class HeaderStore
{
    StringValues IHeaderDictionary.Accept { get => Get(KnownHeader.Accept); set => Put(KnownHeader.Accept, value); }

    StringValues IHeaderDictionary.AcceptEncoding { get => Get(KnownHeader.AcceptEncoding); set => Put(KnownHeader.AcceptEncoding, value); }

    StringValues IHeaderDictionary.AcceptLanguage { get => Get(KnownHeader.AcceptLanguage); set => Put(KnownHeader.AcceptLanguage, value); }

    StringValues IHeaderDictionary.AcceptRanges { get => Get(KnownHeader.AcceptRanges); set => Put(KnownHeader.AcceptRanges, value); }

    StringValues IHeaderDictionary.Authorization { get => Get(KnownHeader.Authorization); set => Put(KnownHeader.Authorization, value); }

    StringValues IHeaderDictionary.CacheControl { get => Get(KnownHeader.CacheControl); set => Put(KnownHeader.CacheControl, value); }

    StringValues IHeaderDictionary.Connection { get => Get(KnownHeader.Connection); set => Put(KnownHeader.Connection, value); }

    StringValues IHeaderDictionary.ContentDisposition { get => Get(KnownHeader.ContentDisposition); set => Put(KnownHeader.ContentDisposition, value); }

    StringValues IHeaderDictionary.ContentEncoding { get => Get(KnownHeader.ContentEncoding); set => Put(KnownHeader.ContentEncoding, value); }

    StringValues IHeaderDictionary.ContentLanguage { get => Get(KnownHeader.ContentLanguage); set => Put(KnownHeader.ContentLanguage, value); }

    StringValues IHeaderDictionary.ContentRange { get => Get(KnownHeader.ContentRange); set => Put(KnownHeader.ContentRange, value); }

    StringValues IHeaderDictionary.ContentType { get => Get(KnownHeader.ContentType); set => Put(KnownHeader.ContentType, value); }

    StringValues IHeaderDictionary.Cookie { get => Get(KnownHeader.Cookie); set => Put(KnownHeader.Cookie, value); }

    StringValues IHeaderDictionary.Date { get => Get(KnownHeader.Date); set => Put(KnownHeader.Date, value); }

    StringValues IHeaderDictionary.ETag { get => Get(KnownHeader.ETag); set => Put(KnownHeader.ETag, value); }

    StringValues IHeaderDictionary.Expect { get => Get(KnownHeader.Expect); set => Put(KnownHeader.Expect, value); }

    StringValues IHeaderDictionary.Expires { get => Get(KnownHeader.Expires); set => Put(KnownHeader.Expires, value); }

    StringValues IHeaderDictionary.Host { get => Get(KnownHeader.Host); set => Put(KnownHeader.Host, value); }

    StringValues IHeaderDictionary.IfModifiedSince { get => Get(KnownHeader.IfModifiedSince); set => Put(KnownHeader.IfModifiedSince, value); }

    StringValues IHeaderDictionary.IfNoneMatch { get => Get(KnownHeader.IfNoneMatch); set => Put(KnownHeader.IfNoneMatch, value); }

    StringValues IHeaderDictionary.KeepAlive { get => Get(KnownHeader.KeepAlive); set => Put(KnownHeader.KeepAlive, value); }

    StringValues IHeaderDictionary.LastModified { get => Get(KnownHeader.LastModified); set => Put(KnownHeader.LastModified, value); }

    StringValues IHeaderDictionary.Location { get => Get(KnownHeader.Location); set => Put(KnownHeader.Location, value); }

    StringValues IHeaderDictionary.Origin { get => Get(KnownHeader.Origin); set => Put(KnownHeader.Origin, value); }

    StringValues IHeaderDictionary.Pragma { get => Get(KnownHeader.Pragma); set => Put(KnownHeader.Pragma, value); }

    StringValues IHeaderDictionary.Range { get => Get(KnownHeader.Range); set => Put(KnownHeader.Range, value); }

    StringValues IHeaderDictionary.Referer { get => Get(KnownHeader.Referer); set => Put(KnownHeader.Referer, value); }

    StringValues IHeaderDictionary.RetryAfter { get => Get(KnownHeader.RetryAfter); set => Put(KnownHeader.RetryAfter, value); }

    StringValues IHeaderDictionary.Server { get => Get(KnownHeader.Server); set => Put(KnownHeader.Server, value); }

    StringValues IHeaderDictionary.SetCookie { get => Get(KnownHeader.SetCookie); set => Put(KnownHeader.SetCookie, value); }

    StringValues IHeaderDictionary.StrictTransportSecurity { get => Get(KnownHeader.StrictTransportSecurity); set => Put(KnownHeader.StrictTransportSecurity, value); }

    StringValues IHeaderDictionary.TE { get => Get(KnownHeader.TE); set => Put(KnownHeader.TE, value); }

    StringValues IHeaderDictionary.Trailer { get => Get(KnownHeader.Trailer); set => Put(KnownHeader.Trailer, value); }

    StringValues IHeaderDictionary.TransferEncoding { get => Get(KnownHeader.TransferEncoding); set => Put(KnownHeader.TransferEncoding, value); }

    StringValues IHeaderDictionary.Upgrade { get => Get(KnownHeader.Upgrade); set => Put(KnownHeader.Upgrade, value); }

    StringValues IHeaderDictionary.UserAgent { get => Get(KnownHeader.UserAgent); set => Put(KnownHeader.UserAgent, value); }

    StringValues IHeaderDictionary.Vary { get => Get(KnownHeader.Vary); set => Put(KnownHeader.Vary, value); }

    StringValues IHeaderDictionary.WWWAuthenticate { get => Get(KnownHeader.WWWAuthenticate); set => Put(KnownHeader.WWWAuthenticate, value); }
}
