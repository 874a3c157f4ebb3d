// An app that signs cookies with data protection and keeps to every default. What it shows: whether a cookie that one
// process has made is good for the next. An ordinary ASP.NET Core app: it runs on any server and refers to none.

using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddDataProtection();

var app = builder.Build();
app.MapGet("/", () => Environment.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture));
app.MapGet("/sign-in", (string name, HttpResponse response, IDataProtectionProvider protection) =>
    response.Cookies.Append("user", protection.CreateProtector("cookies").Protect(name)));
app.MapGet("/who", (HttpRequest request, IDataProtectionProvider protection) =>
{
    if (request.Cookies["user"] is not { } cookie)
    {
        return Results.Text("nobody", statusCode: 401);
    }

    try
    {
        return Results.Text(protection.CreateProtector("cookies").Unprotect(cookie));
    }
    catch (System.Security.Cryptography.CryptographicException error)
    {
        return Results.Text(error.Message, statusCode: 401);
    }
});
app.MapGet("/keys", (IKeyManager keys) => keys.GetAllKeys().Count);
app.MapGet("/process", () => new
{
    user = Environment.UserName,
    home = Environment.GetEnvironmentVariable("HOME"),
    directory = Environment.CurrentDirectory,
    contentRoot = app.Environment.ContentRootPath,
    status = File.ReadAllLines("/proc/self/status"),
    limits = File.ReadAllLines("/proc/self/limits"),
});
app.Run();
