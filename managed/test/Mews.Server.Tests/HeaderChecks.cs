// Rules of the header collections, as apps see them.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Mews.Server.Tests;

internal static class HeaderChecks
{
    internal static void Add(Checks checks)
    {
        checks.Add("headers: absent, added, removed", () => TestSite.AssertAsync(context =>
        {
            IHeaderDictionary headers = context.Request.Headers;
            foreach (string name in new[] { "x-absent", "Content-Type" })
            {
                Check.Equal(0, headers[name].Count, name + " absent");
                Check.True(!headers.TryGetValue(name, out StringValues value) && value.Count == 0, name + " not found");
                headers.Add(name, "a");
                Check.Equal("a", headers[name].ToString(), name + " added");
                Check.Throws<ArgumentException>(() => headers.Add(name, "b"), name + " twice");
                headers[name] = StringValues.Empty;
                Check.True(!headers.ContainsKey(name), name + " removed by empty");
                headers[name] = "c";
                headers[name] = default;
                Check.True(!headers.ContainsKey(name), name + " removed by default");
            }

            context.Request.ContentType = "text/plain";
            Check.Equal("text/plain", headers["content-type"].ToString(), "typed setter");
            context.Request.ContentType = null;
            Check.True(!headers.ContainsKey("Content-Type"), "typed removal");
            Check.Throws<KeyNotFoundException>(() => _ = ((IDictionary<string, StringValues>)headers)["none"], "dictionary indexer");
            return Task.CompletedTask;
        }));
        checks.Add("headers: request lookups, duplicates, enumeration, removal", () => TestSite.AssertAsync(
            context =>
            {
                IHeaderDictionary headers = context.Request.Headers;
                Check.Equal("h.example", context.Request.Host.Value, "host");
                Check.Equal("1,2", headers["X-Many"].ToString(), "unknown duplicates");
                Check.Equal(2, headers["x-many"].Count, "kept apart");
                Check.Equal(2, headers.Accept.Count, "known duplicates");
                Check.Equal("one", headers["X-One"].ToString(), "unknown");
                Check.True(headers.Remove("x-one"), "removed");
                Check.True(!headers.Remove("X-One"), "not twice");
                Check.Equal(0, headers["X-One"].Count, "gone for good");
                Check.True(headers.Remove("Accept") && headers.Accept.Count == 0, "known removed");
                Check.Equal("Host,X-Empty,X-Many", string.Join(',', headers.Keys.Order()), "names");
                Check.Equal(3, headers.Count, "count");
                Check.True(headers.TryGetValue("X-Empty", out StringValues empty) && empty == string.Empty, "empty value is there");
                headers["X-New"] = "n";
                Check.Equal(4, headers.ToArray().Length, "listed");
                headers.Clear();
                Check.Equal(0, headers.Count, "cleared");
                Check.Equal(0, headers.Host.Count, "cleared for lookups too");
                return Task.CompletedTask;
            },
            new FakeRequest().Header("Host", "h.example").Header("X-Many", "1").Header("accept", "a").Header("X-One", "one")
                .Header("x-many", "2").Header("Accept", "b").Header("X-Empty", string.Empty)));
        checks.Add("headers: request values are UTF-8", () => TestSite.AssertAsync(
            context =>
            {
                Check.Equal("é", context.Request.Headers["X-Utf8"].ToString(), "UTF-8");
                Check.Equal("\uFFFD", context.Request.Headers["X-Latin1"].ToString(), "no UTF-8");
                return Task.CompletedTask;
            },
            new FakeRequest().Header("X-Utf8", "\u00C3\u00A9").Header("X-Latin1", "\u00A3")));
        checks.Add("headers: both lengths", () => TestSite.AssertAsync(
            context =>
            {
                Check.Equal("5", context.Request.Headers["X-Content-Length"].ToString(), "kept aside");
                Check.True(context.Request.ContentLength is null && !context.Request.Headers.ContainsKey("Content-Length"), "no length");
                Check.Equal("gzip, chunked", context.Request.Headers.TransferEncoding.ToString(), "coding");
                return Task.CompletedTask;
            },
            new FakeRequest { Method = "POST", Chunked = true, Body = new byte[5] }
                .Header("Transfer-Encoding", "gzip, chunked").Header("Content-Length", "5")));
        checks.Add("headers: response values, order and what is left out", async () =>
        {
            FakeExchange exchange = await TestSite.AssertAsync(context =>
            {
                IHeaderDictionary headers = context.Response.Headers;
                headers["UnknownHeader"] = "test123=foo";
                context.Response.ContentType = "text/plain";
                headers["MultiHeader"] = new StringValues(new[] { "1", "2" });
                headers["EmptyHeader"] = string.Empty;
                headers.SetCookie = new StringValues(new[] { "a=1", "b=2" });
                headers.Server = "MyServer/7.8";
                headers.TransferEncoding = "chunked";
                headers.Connection = "close";
                headers["X-Utf8"] = "é";
                headers["X-Long"] = new string('l', 5000);
                context.Response.ContentLength = 0;
                return Task.CompletedTask;
            });
            Check.Equal("test123=foo", exchange.Header("UnknownHeader"), "unknown");
            Check.Equal("text/plain", exchange.Header("Content-Type"), "known");
            Check.Equal("1,2", string.Join(',', exchange.Headers.Where(h => h.Key == "MultiHeader").Select(h => h.Value)), "two lines");
            Check.Equal("a=1,b=2", string.Join(',', exchange.Headers.Where(h => h.Key == "Set-Cookie").Select(h => h.Value)), "cookies");
            Check.Equal("MyServer/7.8", exchange.Header("Server"), "server");
            Check.Equal("é", exchange.Header("X-Utf8"), "UTF-8");
            Check.Equal(5000, exchange.Header("X-Long")!.Length, "grown head area");
            Check.True(exchange.Header("EmptyHeader") is null, "empty is skipped");
            Check.True(exchange.Header("Transfer-Encoding") is null && exchange.Header("Connection") is null && exchange.Header("Content-Length") is null, "framing");
            Check.True(exchange.Close, "close flag");
            Check.Equal(0, exchange.ContentLength, "length travels apart");
        });
        checks.Add("headers: refused text", () => TestSite.AssertAsync(context =>
        {
            IHeaderDictionary headers = context.Response.Headers;
            foreach (string value in new[] { "a\rb", "a\nb", "a\0b", "\x1f" })
            {
                Check.Throws<InvalidOperationException>(() => headers["X"] = value, "unknown value");
                Check.Throws<InvalidOperationException>(() => headers.ContentType = value, "known value");
                Check.Throws<InvalidOperationException>(() => headers.Append("Y", new StringValues(new[] { "ok", value })), "second value");
            }

            foreach (string name in new[] { "a b", "a:b", "é", "a\r\nb", string.Empty })
            {
                Check.Throws<InvalidOperationException>(() => headers[name] = "v", "name '" + name + "'");
            }

            Check.Throws<InvalidOperationException>(() => headers["Content-Length"] = "x", "length");
            Check.Throws<ArgumentOutOfRangeException>(() => headers.ContentLength = -1, "negative length");
            headers["content-length"] = "12";
            Check.Equal(12L, headers.ContentLength, "parsed length");
            headers.ContentLength = null;
            Check.Equal(0, headers.Count, "nothing was set");
            return Task.CompletedTask;
        }));
        checks.Add("headers: closed after the start", () => TestSite.AssertAsync(async context =>
        {
            await context.Response.WriteAsync("x");
            Check.True(context.Response.Headers.IsReadOnly, "read-only");
            Check.Throws<InvalidOperationException>(() => context.Response.Headers["a"] = "b", "set");
            Check.Throws<InvalidOperationException>(() => context.Response.Headers.Remove("a"), "remove");
            Check.Throws<InvalidOperationException>(() => context.Response.Headers.Clear(), "clear");
            Check.Throws<InvalidOperationException>(() => context.Response.ContentLength = 1, "length");
            Check.Throws<InvalidOperationException>(() => context.Response.StatusCode = 201, "status");
        }));
    }
}
