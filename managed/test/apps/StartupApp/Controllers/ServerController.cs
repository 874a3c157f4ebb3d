// What the app sees of its server, and whether the options it set for it hold.

using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Mvc;

namespace Mews.TestApps.StartupApp.Controllers;

/// <summary>Facts about the server, and uses of its options.</summary>
[ApiController]
public sealed class ServerController(IServer server, IWebHostEnvironment environment, IConfiguration configuration) : ControllerBase
{
    /// <summary>Server, environment and a configured text.</summary>
    [HttpGet("info")]
    public object Info() => new
    {
        server = server.GetType().FullName,
        processName = System.Diagnostics.Process.GetCurrentProcess().ProcessName,
        environment = environment.EnvironmentName,
        contentRoot = environment.ContentRootPath,
        greeting = configuration["Greeting"],
        pathBase = Request.PathBase.Value,
    };

    /// <summary>The options as they reach a request.</summary>
    [HttpGet("limits")]
    public object Limits() => new
    {
        maxRequestBodySize = HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize,
        allowSynchronousIO = HttpContext.Features.Get<IHttpBodyControlFeature>()?.AllowSynchronousIO,
    };

    /// <summary>Reads the body synchronously, which the app allows for all its requests.</summary>
    [HttpPost("sync-read")]
    public string SyncRead()
    {
        using var reader = new StreamReader(Request.Body);
        return reader.ReadToEnd();
    }

    /// <summary>Writes the body synchronously.</summary>
    [HttpGet("sync-write")]
    public void SyncWrite() => Response.Body.Write("written synchronously"u8);

    /// <summary>A form with a file.</summary>
    [HttpPost("form")]
    public object Form([FromForm] string title, IFormFile file) => new { title, fileName = file.FileName, length = file.Length };

    /// <summary>Throws; the exception handler's page answers.</summary>
    [HttpGet("throw")]
    public IActionResult Throw() => throw new InvalidOperationException("thrown by a controller");

    /// <summary>The exception handler's page.</summary>
    [Route("error")]
    [ApiExplorerSettings(IgnoreApi = true)]
    public IActionResult Error()
    {
        // A request the server has refused, such as one with too large a body, carries its status.
        var refused = HttpContext.Features.Get<IExceptionHandlerFeature>()?.Error as BadHttpRequestException;
        return Problem(title: "handled by the app", statusCode: refused?.StatusCode);
    }
}
