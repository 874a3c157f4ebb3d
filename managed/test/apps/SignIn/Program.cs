// An app whose users sign in at the host. Each endpoint says who the app takes the client for.
//
// Words among the arguments change it:
//   transform         a claims transformation adds the role "transformed" and counts how often it ran for the request
//   add-authentication  the app calls AddAuthentication with the scheme "Windows"
//   manual            AutomaticAuthentication is off in both hosting models
//   own-challenge     (endpoint) answers 401 with a challenge of the app's own

using System.Security.Claims;
using Mews.TestApps.SignIn;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.Features.Authentication;
using Microsoft.AspNetCore.Server.IISIntegration;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddAuthorization();
builder.Services.AddHttpContextAccessor();
builder.WebHost.ConfigureKestrel(static options => options.Limits.MaxRequestHeadersTotalSize = 256 * 1024);
if (args.Contains("transform"))
{
    builder.Services.AddTransient<IClaimsTransformation, AddRole>();
}

if (args.Contains("add-authentication"))
{
    builder.Services.AddAuthentication(IISDefaults.AuthenticationScheme);
}

if (args.Contains("manual"))
{
    builder.Services.Configure<IISOptions>(static options => options.AutomaticAuthentication = false);
    builder.Services.Configure<IISServerOptions>(static options => options.AutomaticAuthentication = false);
}

builder.Services.Configure<IISOptions>(static options => options.AuthenticationDisplayName = "The domain");
builder.Services.Configure<IISServerOptions>(static options => options.AuthenticationDisplayName = "The domain");

var app = builder.Build();
app.UseAuthorization();

app.MapGet("/", (HttpContext context) => Describe(context.User));
app.MapPost("/", async (HttpContext context) =>
{
    using var reader = new StreamReader(context.Request.Body);
    return Describe(context.User) + " " + (await reader.ReadToEndAsync()).Length;
});
app.MapGet("/headers", (HttpContext context) => string.Join('\n', context.Request.Headers.Select(header => header.Key)));
app.MapGet("/feature", (HttpContext context)
    => Describe(context.Features.Get<IHttpAuthenticationFeature>()?.User));
app.MapGet("/authenticate", async (HttpContext context) =>
{
    var result = await context.AuthenticateAsync(IISDefaults.AuthenticationScheme);
    return Describe(result.Principal);
});
app.MapGet("/schemes", async (IServiceProvider services) =>
{
    var schemes = services.GetService<IAuthenticationSchemeProvider>();
    var all = schemes is null ? [] : await schemes.GetAllSchemesAsync();
    return string.Join(',', all.Select(scheme => scheme.Name + "=" + scheme.DisplayName));
});
app.MapGet("/challenge", (HttpContext context) => context.ChallengeAsync(IISDefaults.AuthenticationScheme));
app.MapGet("/forbid", (HttpContext context) => context.ForbidAsync(IISDefaults.AuthenticationScheme));
app.MapGet("/unauthorized", static () => Results.StatusCode(401));
app.MapGet("/own-challenge", (HttpContext context) =>
{
    context.Response.Headers.WWWAuthenticate = "Custom realm=\"app\"";
    return Results.StatusCode(401);
});
app.MapGet("/restricted", [Authorize] (HttpContext context) => Describe(context.User));
app.MapGet("/in-role/{role}", (string role, HttpContext context) => context.User.IsInRole(role).ToString());
app.MapGet("/staff", [Authorize(Roles = "games")] (HttpContext context) => Describe(context.User));
app.MapGet("/bosses", [Authorize(Roles = "no-such-group")] (HttpContext context) => Describe(context.User));
app.MapGet("/claims", (HttpContext context)
    => string.Join('\n', context.User.Claims.Select(claim => claim.Type + "=" + claim.Value)));
app.MapGet("/environment", static () => Environment.GetEnvironmentVariable("DOTNET_STARTUP_HOOKS") ?? "none");
app.Run();

static string Describe(ClaimsPrincipal? user)
    => user?.Identity is { IsAuthenticated: true } identity ? $"{identity.Name} {identity.AuthenticationType}" : "nobody";
