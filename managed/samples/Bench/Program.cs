// The app that is measured: every path costs the server as much, and the app as little, as its name says.
// One terminal delegate and a switch, so that routing and middleware do not blur what is compared.

using Mews.Samples.Bench;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddSingleton<LoopbackEcho>();
builder.Services.AddSingleton<DownloadFile>();

var app = builder.Build();
var loopback = app.Services.GetRequiredService<LoopbackEcho>();
var file = app.Services.GetRequiredService<DownloadFile>();

// Beside the pipeline, so that the middleware costs the other paths nothing.
var sockets = ((IApplicationBuilder)app).New();
sockets.UseWebSockets();
sockets.Run(Answers.Echo);
var echo = sockets.Build();

app.Run(context => context.Request.Path.Value switch
{
    "/plaintext" => Answers.Plaintext(context),
    "/json" => Answers.Json(context),
    "/json1k" => Answers.Json1k(context),
    "/yield" => Answers.Yield(context),
    "/loopback" => Answers.Loopback(context, loopback),
    "/fanout" => Answers.FanOut(context, loopback),
    "/wait" => Answers.Wait(context),
    "/echo" => echo(context),
    "/allocated" => Answers.Allocated(context),
    "/block" => Answers.Block(context),
    "/upload" => Answers.Upload(context),
    "/download" => Answers.Download(context),
    "/file" => file.Send(context),
    "/" => Answers.Index(context),
    _ => Answers.NotFound(context),
});
app.Run();
