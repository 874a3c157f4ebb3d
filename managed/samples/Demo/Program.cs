// A small site that shows, in a browser, what a host does for an app. It is an ordinary ASP.NET Core app: nothing in
// it knows the host it runs in. All it keeps is in memory and bounded, but for uploads, which are in a temporary folder.

using Mews.Samples.Demo.Pages;
using Mews.Samples.Demo.Parts;
using Mews.Samples.Demo.Web;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddSingleton<Guestbook>();
builder.Services.AddSingleton<NoteStore>();
builder.Services.AddSingleton<FileStore>();
builder.Services.AddSingleton<ChatRoom>();

var app = builder.Build();
app.UseErrorPages();
app.UseBrowserRules();
app.UseStaticFiles();
app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.FromSeconds(20) });
app.UseRequestCount();
app.MapHomePage();
app.MapFacts();
app.MapNotes();
app.MapFiles();
app.MapChat();
app.MapStreams();
app.MapTrouble();
app.Run();
