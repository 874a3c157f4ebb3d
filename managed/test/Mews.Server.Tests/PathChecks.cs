// Unescaping, dot segments and the split into path base and path.

using System;
using System.Text;
using Mews.Server.Http;

namespace Mews.Server.Tests;

internal static class PathChecks
{
    internal static void Add(Checks checks)
    {
        checks.Add("path: unescaping", () =>
        {
            Decodes("/", "/");
            Decodes(string.Empty, "/");
            Decodes("/a%20b", "/a b");
            Decodes("/a%2Fb%2fc", "/a%2Fb%2fc");
            Decodes("/%C3%A9", "/é");
            Decodes("/%F0%9F%98%80", "/\U0001F600");
            Decodes("/%C0%80", "/%C0%80");
            Decodes("/%E0%80%80", "/%E0%80%80");
            Decodes("/%ED%A0%80", "/%ED%A0%80");
            Decodes("/%F4%90%80%80", "/%F4%90%80%80");
            Decodes("/%E2%82", "/%E2%82");
            Decodes("/%E0%41", "/%E0A");
            Decodes("/%", "/%");
            Decodes("/%4", "/%4");
            Decodes("/%zz", "/%zz");
            Decodes("/%4%41", "/%4A");
            Decodes("/a+b", "/a+b");
            Decodes("/Path%3F%3F", "/Path??");
            Decodes("/%252F", "/%2F");
            Check.Throws<InvalidOperationException>(() => Decode("/%00"), "escaped NUL");
            for (char character = ' '; character < '\x7f'; character++)
            {
                string escaped = "/x" + "%" + ((int)character).ToString("X2") + "y";
                Decodes(escaped, character == '/' ? escaped : "/x" + character + "y");
            }
        });
        checks.Add("path: dot segments go after unescaping", () =>
        {
            Decodes("/a/b/../c", "/a/c");
            Decodes("/a/b/%2E%2E/c", "/a/c");
            Decodes("/a/b/%2E/c", "/a/b/c");
            Decodes("/a/.%2e", "/");
            Decodes("/a/b/..", "/a/");
            Decodes("/a/.", "/a/");
            Decodes("/..", "/");
            Decodes("/../../a", "/a");
            Decodes("/a//../b", "/a/b");
            Decodes("//a/b//c", "//a/b//c");
            Decodes("/.a/..b/...", "/.a/..b/...");
            Decodes("/Sub//ball/../App", "/Sub//App");
            Decodes("/" + new string('a', 2000) + "/../b", "/b");
        });
        checks.Add("path: target forms", () =>
        {
            Splits("/a?b=c?d", "/a", "?b=c?d");
            Splits("/a", "/a", string.Empty);
            Splits("/a?", "/a", "?");
            Splits("http://host:80/a/b?c", "/a/b", "?c");
            Splits("http://host?c", "/", "?c");
            Splits("*", "*", string.Empty);
            Splits("/x?u=http://y/", "/x", "?u=http://y/");
            Splits("host:443", "host:443", string.Empty);
        });
        checks.Add("path: base", () =>
        {
            Bases("/a/b", "/", string.Empty, "/a/b");
            Bases("/base", "/base", "/base", string.Empty);
            Bases("/BASE", "/base", "/BASE", string.Empty);
            Bases("/base/", "/base", "/base", "/");
            Bases("/Base/", "/base", "/Base", "/");
            Bases("/base/x", "/base", "/base", "/x");
            Bases("/basement", "/base", string.Empty, "/basement");
            Bases("/other", "/base", string.Empty, "/other");
            Bases("/Sub%2FApp/P/", "/Sub/App", "/Sub%2FApp", "/P/");
            Bases("/Sub\\App/P", "/Sub/App", "/Sub\\App", "/P");
            Bases("//Sub/App/P", "/Sub/App", "//Sub/App", "/P");
            Bases("///Sub/App/P/path1", "/Sub/App", "///Sub/App", "/P/path1");
            Bases("/\\Sub/App/P", "/Sub/App", "/\\Sub/App", "/P");
            Bases("/Sub/\\App/P//path", "/Sub/App", "/Sub/\\App", "/P//path");
            Bases("/%2FSub/App/P/", "/Sub/App", "/%2FSub/App", "/P/");
            Bases("/Sub%2F/App/P/%2FPath", "/Sub/App", "/Sub%2F/App", "/P/%2FPath");
            Bases("/%2F\\/Sub/App/P", "/Sub/App", "/%2F\\/Sub/App", "/P");
            Bases("/Sub//App/P", "/Sub/App", "/Sub//App", "/P");
            Bases("/Sub/App//path1//path2", "/Sub/App", "/Sub/App", "//path1//path2");
            Bases("/Sub", "/Sub/App", string.Empty, "/Sub");
            Bases("/", "/Sub/App", string.Empty, "/");
        });
    }

    private static string Decode(string path) => RequestPath.Decode(Encoding.Latin1.GetBytes(path));

    private static void Decodes(string path, string expected) => Check.Equal(expected, Decode(path), path);

    private static void Splits(string target, string path, string query)
    {
        RequestPath.SplitTarget(Encoding.Latin1.GetBytes(target), out ReadOnlySpan<byte> pathBytes, out ReadOnlySpan<byte> queryBytes);
        Check.Equal(path, Encoding.Latin1.GetString(pathBytes), "path of " + target);
        Check.Equal(query, Encoding.Latin1.GetString(queryBytes), "query of " + target);
    }

    private static void Bases(string path, string virtualPath, string pathBase, string rest)
    {
        RequestPath.SplitBase(path, virtualPath, out string actualBase, out string actualRest);
        Check.Equal(pathBase, actualBase, "base of " + path + " in " + virtualPath);
        Check.Equal(rest, actualRest, "rest of " + path + " in " + virtualPath);
    }
}
