// A WebApplication of small endpoints, each of which does one thing that a host can get wrong.
// An ordinary ASP.NET Core app: it runs on any server and refers to none.
//
// Endpoints/Facts.cs      what the app sees of its process, its configuration and a request
// Endpoints/Bodies.cs     request and response bodies of every shape
// Endpoints/Calls.cs      gRPC, written by hand
// Endpoints/Tls.cs       what the app sees of its connection's TLS
// Endpoints/Time.cs       answers that take long, and threads that block
// Endpoints/Failures.cs   exceptions, exits, crashes and aborts
// Endpoints/Leaks.cs      what one request leaves behind for the next

using Mews.TestApps.Minimal;
using Mews.TestApps.Minimal.Endpoints;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddSingleton(new LaunchArguments(args));
builder.Services.AddSingleton<PatternFiles>();

var app = builder.Build();
app.UseContextMarks();
app.UseWebSockets();
app.MapFacts();
app.MapBodies();
app.MapSockets();
app.MapCalls();
app.MapTls();
app.MapTime();
app.MapFailures();
app.MapLeaks();
app.Run();
