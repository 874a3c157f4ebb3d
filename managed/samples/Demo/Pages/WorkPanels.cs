// The panels that scripts bring to life: notes, files, chat, clock, and the buttons that make trouble.

using Mews.Samples.Demo.Parts;
using Mews.Samples.Demo.Web;

namespace Mews.Samples.Demo.Pages;

/// <summary>Markup of the live panels and of the heartbeat.</summary>
public static class WorkPanels
{
    /// <summary>The bar that shows whether the app answers; shown by its script.</summary>
    public static Markup Heartbeat() => Markup.Of($"""
        <aside id="heartbeat" class="heartbeat" aria-label="Heartbeat of the app" hidden>
          <div class="beats" id="beats" role="img" aria-label="The last answers of the app, one bar for each"></div>
          <p><output id="beat-now" aria-live="off"></output></p>
        </aside>
        """);

    /// <summary>The sections on work and on trouble.</summary>
    public static Markup Render() => Markup.Of($"""
        <section id="work" aria-labelledby="work-title">
          <h2 id="work-title">At work</h2>
          <noscript><p class="card">These panels need scripts. Everything else on this page works without.</p></noscript>
          <div class="grid">
            <div class="card" id="notes">
              <h3>Notes</h3>
              <p class="hint">A JSON API: list, add, remove.</p>
              <form id="note-form" class="row">
                <label for="note-text" class="quiet">A note</label>
                <input id="note-text" maxlength="280" autocomplete="off" placeholder="Feed the falcon" required>
                <button>Add</button>
              </form>
              <p class="problem" id="note-problem" role="alert" hidden></p>
              <ul id="note-list" class="list"></ul>
            </div>
            <div class="card" id="files">
              <h3>Files</h3>
              <p class="hint">Streamed to disk as they come, and sent back from there. Up to {FileStore.Largest / 1048576} MiB.</p>
              <form id="file-form" class="row">
                <label for="file-input" class="quiet">A file</label>
                <input id="file-input" type="file" required>
                <button>Upload</button>
              </form>
              <div id="file-progress" hidden>
                <label for="file-bar" id="file-status">Uploading</label>
                <progress id="file-bar" max="1" value="0"></progress>
              </div>
              <p class="problem" id="file-problem" role="alert" hidden></p>
              <ul id="file-list" class="list"></ul>
            </div>
            <div class="card" id="chat">
              <h3>Chat</h3>
              <p class="hint">A WebSocket. Open this page twice. <output id="chat-people"></output></p>
              <ol id="chat-lines" class="lines" role="log" tabindex="0" aria-label="Messages"></ol>
              <form id="chat-form" class="row">
                <label for="chat-name" class="quiet">Your name</label>
                <input id="chat-name" class="short" maxlength="30" autocomplete="nickname" placeholder="Name">
                <label for="chat-text" class="quiet">A message</label>
                <input id="chat-text" maxlength="300" autocomplete="off" placeholder="Say something" required>
                <button>Send</button>
              </form>
            </div>
            <div class="card" id="clock">
              <h3>Clock</h3>
              <p class="hint">Server-sent events: one response that does not end.</p>
              <p class="big"><output id="clock-time">--:--:--</output> <small>UTC</small></p>
              <p class="hint" id="clock-listeners"></p>
              <h3>Slow text</h3>
              <p><button id="slow-start" type="button">Read it as it comes</button></p>
              <pre id="slow-text" aria-live="polite" hidden></pre>
            </div>
          </div>
        </section>
        <section id="trouble" aria-labelledby="trouble-title">
          <h2 id="trouble-title">Trouble</h2>
          <p>
            Press, and watch the heartbeat at the foot of the window: one small request every half second. A taller bar took
            longer, a hollow one got no answer, and the colour changes with the process.
          </p>
          <div class="grid three">
            <div class="card">
              <h3>Block a thread</h3>
              <p class="hint">Sleeps five seconds without giving its thread back. Press it three times: other requests should not wait.</p>
              <button type="button" data-trouble="block">Block for 5 s</button>
              <p class="outcome"><output data-outcome="block"></output></p>
            </div>
            <div class="card">
              <h3>Throw</h3>
              <p class="hint">An exception nobody catches ends the request with a 500, and nothing else.</p>
              <button type="button" data-trouble="throw">Throw</button>
              <p class="outcome"><output data-outcome="throw"></output></p>
            </div>
            <div class="card">
              <h3>Crash</h3>
              <p class="hint">Kills the process this app lives in, at once. A host starts a new one; what was in memory is gone.</p>
              <button type="button" class="danger" data-trouble="crash" data-pid="{Environment.ProcessId}">Crash this worker</button>
              <p class="outcome"><output data-outcome="crash"></output></p>
            </div>
          </div>
        </section>
        """);
}
