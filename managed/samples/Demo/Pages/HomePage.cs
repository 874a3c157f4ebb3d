// The start page. It is whole without scripts, but for the parts that are about scripts.

using System.Globalization;
using Mews.Samples.Demo.Parts;
using Mews.Samples.Demo.Web;
using Microsoft.AspNetCore.Hosting.Server;

namespace Mews.Samples.Demo.Pages;

/// <summary>The start page and the guestbook's form on it.</summary>
public static class HomePage
{
    /// <summary>Maps both.</summary>
    public static void MapHomePage(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/", (HttpContext context, IServer server, Guestbook guestbook) =>
            Write(context, server, guestbook, GuestbookForm.Blank));
        routes.MapGet("/guestbook", (HttpContext context) => Results.Redirect(context.Request.PathBase + "/#guestbook"));
        routes.MapPost("/guestbook", Sign);
    }

    private static async Task Sign(HttpContext context, IServer server, Guestbook guestbook)
    {
        if (!context.Request.HasFormContentType)
        {
            context.Response.StatusCode = StatusCodes.Status415UnsupportedMediaType;
            return;
        }

        var form = GuestbookForm.Read(await context.Request.ReadFormAsync(context.RequestAborted));
        if (!form.IsValid)
        {
            context.Response.StatusCode = StatusCodes.Status422UnprocessableEntity;
            await Write(context, server, guestbook, form);
            return;
        }

        // A redirect, so that reloading the page does not sign again.
        guestbook.Sign(form);
        context.Response.StatusCode = StatusCodes.Status303SeeOther;
        context.Response.Headers.Location = context.Request.PathBase.Add("/").Value + "#guestbook";
    }

    private static Task Write(HttpContext context, IServer server, Guestbook guestbook, GuestbookForm form) =>
        Layout.Write(context, "Mews demo", Markup.Of($"""
            {Hero(server)}
            {Sees(context, server)}
            {WorkPanels.Render()}
            {GuestbookPanel(guestbook, form)}
            {WorkPanels.Heartbeat()}
            """));

    private static Markup Hero(IServer server)
    {
        var process = Facts.ProcessName();
        var pid = Environment.ProcessId;
        var (title, text, route) = Facts.Hosting(server) switch
        {
            HostingModel.InProcess => (
                "This app runs inside its host",
                Markup.Of($"The worker process <code>{process}</code> has loaded .NET and this app into itself. Requests go from its HTTP server straight into the app’s pipeline: no proxy, no second server, no hop in between."),
                Markup.Of($"""
                    <li class="stop">your browser</li>
                    <li class="process"><span>{process} · {pid}</span><ol><li class="stop">HTTP server</li><li class="stop app">this app</li></ol></li>
                    """)),
            HostingModel.OutOfProcess => (
                "This app runs beside its host",
                Markup.Of($"The host has started <code>{process}</code>, watches over it, and forwards to it what comes in. Should it die, the host starts it again."),
                Markup.Of($"""
                    <li class="stop">your browser</li>
                    <li class="process"><span>{(Facts.Parent() is var (name, id) ? $"{name} · {id}" : "the host")}</span><ol><li class="stop">HTTP server</li></ol></li>
                    <li class="process"><span>{process} · {pid}</span><ol><li class="stop">Kestrel</li><li class="stop app">this app</li></ol></li>
                    """)),
            _ => (
                "This app runs on its own",
                Markup.Of($"It was started as <code>{process}</code> and listens with Kestrel. Nobody starts it on the first request, or again after a crash. Run <code>mews run</code> in its folder and look again."),
                Markup.Of($"""
                    <li class="stop">your browser</li>
                    <li class="process"><span>{process} · {pid}</span><ol><li class="stop">Kestrel</li><li class="stop app">this app</li></ol></li>
                    """)),
        };
        return Markup.Of($"""
            <section class="hero">
              <h1>{title}</h1>
              <p class="lead">{text}</p>
              <ol class="route" aria-label="The way of a request">
                {route}
              </ol>
            </section>
            """);
    }

    private static Markup Sees(HttpContext context, IServer server)
    {
        var timing = Facts.OfTiming(context);
        var headers = Facts.OfHeaders(context);
        return Markup.Of($"""
            <section id="sees" aria-labelledby="sees-title">
              <h2 id="sees-title">What the app sees</h2>
              <div class="grid">
                <div class="card"><h3>Of its process</h3>{Table(Facts.OfProcess(server))}</div>
                <div class="card"><h3>Of this request</h3>{Table(Facts.OfRequest(context))}</div>
              </div>
              {(timing.Count == 0 ? Markup.Empty : Timing(timing))}
              <details class="card">
                <summary>{headers.Count} request headers</summary>
                {Table(headers)}
              </details>
              <p class="hint">The same <a href="api/facts">as JSON</a>.</p>
            </section>
            """);
    }

    private static Markup Timing(IReadOnlyList<Moment> moments) => Markup.Of($"""
        <div class="card">
          <h3>When, in microseconds</h3>
          <p class="hint">The server’s own timestamps of this request, from the first one on.</p>
          {Table(moments.Select(moment => new Fact(moment.Name, moment.Microseconds.ToString("0.0", CultureInfo.InvariantCulture))), wide: true)}
        </div>
        """);

    private static Markup Table(IEnumerable<Fact> facts, bool wide = false) => Markup.Of($"""
        <dl class="{(wide ? "facts wide" : "facts")}">{Markup.Join(facts.Select(fact => Markup.Of($"<div><dt>{fact.Name}</dt><dd>{fact.Value}</dd></div>")))}</dl>
        """);

    private static Markup GuestbookPanel(Guestbook guestbook, GuestbookForm form)
    {
        var entries = guestbook.Entries;
        return Markup.Of($"""
            <section id="guestbook" aria-labelledby="guestbook-title">
              <h2 id="guestbook-title">Guestbook</h2>
              <div class="grid">
                <form class="card" method="post" action="guestbook" novalidate>
                  <h3>Sign it</h3>
                  <p class="hint">A plain form: a post, a check on the server, a redirect.</p>
                  <label for="guest-name">Your name</label>
                  <input id="guest-name" name="name" autocomplete="nickname" maxlength="{GuestbookForm.LongestName}" value="{form.Name}" {Invalid("guest-name", form.NameProblem, focus: true)}>
                  {Problem("guest-name", form.NameProblem)}
                  <label for="guest-message">A few words</label>
                  <textarea id="guest-message" name="message" rows="3" maxlength="{GuestbookForm.LongestMessage}" {Invalid("guest-message", form.MessageProblem, focus: form.NameProblem is null)}>{form.Message}</textarea>
                  {Problem("guest-message", form.MessageProblem)}
                  <button>Sign</button>
                </form>
                <div class="card">
                  <h3>Signed so far</h3>
                  {(entries.Count == 0 ? Markup.Of($"<p class=\"empty\">Nobody yet. Be the first.</p>") : Markup.Of($"<ol class=\"entries\">{Markup.Join(entries.Select(Entry))}</ol>"))}
                </div>
              </div>
            </section>
            """);
    }

    private static Markup Entry(GuestbookEntry entry) => Markup.Of($"""
        <li><p>{entry.Message}</p><p class="by">{entry.Name}, <time datetime="{entry.SignedAt:yyyy-MM-ddTHH:mm:ssZ}">{entry.SignedAt:HH:mm} UTC</time></p></li>
        """);

    // The first field that is wrong takes the focus.
    private static Markup Invalid(string id, string? problem, bool focus) => problem is null
        ? Markup.Empty
        : Markup.Of($"aria-invalid=\"true\" aria-describedby=\"{id}-problem\" {(focus ? "autofocus" : "")}");

    private static Markup Problem(string id, string? problem) => problem is null
        ? Markup.Empty
        : Markup.Of($"<p class=\"problem\" id=\"{id}-problem\">{problem}</p>");
}
