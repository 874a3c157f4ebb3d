// The frame of every page.

using Mews.Samples.Demo.Web;

namespace Mews.Samples.Demo.Pages;

/// <summary>Head, header and footer around a page's content.</summary>
public static class Layout
{
    /// <summary>Sends a page. Its links are relative to the app's own root, wherever the app is mounted.</summary>
    public static Task Write(HttpContext context, string title, Markup content)
    {
        context.Response.ContentType = "text/html; charset=utf-8";
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.WriteAsync(Markup.Of($"""
            <!doctype html>
            <html lang="en">
            <head>
              <meta charset="utf-8">
              <base href="{context.Request.PathBase.Add("/").Value}">
              <title>{title}</title>
              <meta name="viewport" content="width=device-width, initial-scale=1">
              <meta name="color-scheme" content="light dark">
              <link rel="icon" href="mark.svg" type="image/svg+xml">
              <link rel="stylesheet" href="base.css">
              <link rel="stylesheet" href="parts.css">
              <link rel="stylesheet" href="heartbeat.css">
              <script type="module" src="js/site.js"></script>
            </head>
            <body>
              <a class="skip" href="{Here(context)}#main">Skip to the content</a>
              <header class="top">
                <a class="brand" href="."><img src="mark.svg" alt="" width="32" height="32"> Mews <span>demo</span></a>
                <nav aria-label="Sections">
                  <a href=".#sees">What the app sees</a>
                  <a href=".#work">At work</a>
                  <a href=".#trouble">Trouble</a>
                  <a href=".#guestbook">Guestbook</a>
                </nav>
              </header>
              <main id="main">
            {content}
              </main>
              <footer>
                <p>An ordinary ASP.NET Core app. It refers to no package of its host, and runs the same on any server.</p>
              </footer>
            </body>
            </html>

            """).ToString());
    }

    // Fragment links are resolved against the base too, so that one to this page must name it.
    private static string Here(HttpContext context) => context.Request.Path.Value is null or "" or "/"
        ? "."
        : context.Request.PathBase.Add(context.Request.Path).ToUriComponent();
}
