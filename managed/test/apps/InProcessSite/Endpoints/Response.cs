// Statuses, headers and bodies of responses.

using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http.Features;

namespace Mews.TestApps.InProcessSite;

public sealed partial class Startup
{
    private static readonly byte[] s_hello = Encoding.ASCII.GetBytes("hello world");

    // The name is part of the contract, its spelling too.
    private async Task SetCustomErorCode(HttpContext context)
    {
        var query = context.Request.Query;
        context.Response.StatusCode = int.Parse(query["code"].ToString(), CultureInfo.InvariantCulture);
        context.Features.GetRequiredFeature<IHttpResponseFeature>().ReasonPhrase = query["reason"];
        if (query["writeBody"] == "True")
        {
            await context.Response.WriteAsync(query["body"].ToString());
        }
    }

    private Task ResponseHeaders(HttpContext context)
    {
        context.Response.Headers["UnknownHeader"] = "test123=foo";
        context.Response.ContentType = "text/plain";
        context.Response.Headers["MultiHeader"] = new[] { "1", "2" };
        return context.Response.WriteAsync("Request Complete");
    }

    private Task ResponseEmptyHeaders(HttpContext context)
    {
        context.Response.Headers["EmptyHeader"] = "";
        return context.Response.WriteAsync("EmptyHeaderShouldBeSkipped");
    }

    private void OverrideServer(HttpContext context) => context.Response.Headers.Server = "MyServer/7.8";

    private void ConnectionClose(HttpContext context) => context.Response.Headers.Connection = "close";

    private void Goaway(HttpContext context) => context.Response.Headers.Connection = "close";

    private void ConnectionRequestClose(HttpContext context) => context.Connection.RequestClose();

    private void CompressedData(IApplicationBuilder app)
    {
        app.UseResponseCompression();
        app.Run(context =>
        {
            context.Response.ContentType = "text/html";
            return context.Response.Body.WriteAsync(new byte[100], 0, 100);
        });
    }

    private Task LargeResponseBody(HttpContext context)
    {
        var length = int.Parse(context.Request.Query["length"].ToString(), CultureInfo.InvariantCulture);
        return context.Response.WriteAsync(new string('a', length));
    }

    private async Task LargeResponseFile(HttpContext context)
    {
        var file = System.IO.Path.GetTempFileName();
        try
        {
            await using (var stream = File.OpenWrite(file))
            {
                stream.SetLength(200_000_000);
            }

            await context.Response.SendFileAsync(file, context.RequestAborted);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private void UnflushedResponsePipe(HttpContext context) => AdvanceTen(context);

    private async Task FlushedPipeAndThenUnflushedPipe(HttpContext context)
    {
        AdvanceTen(context);
        await context.Response.BodyWriter.FlushAsync();
        AdvanceTen(context);
    }

    private static void AdvanceTen(HttpContext context)
    {
        context.Response.BodyWriter.GetMemory(10).Span[..10].Fill((byte)'p');
        context.Response.BodyWriter.Advance(10);
    }

    private async Task ResponseInvalidOrdering(HttpContext context)
    {
        var (name, change) = context.Request.Path.Value switch
        {
            "/SetStatusCodeAfterWrite" => ("SetStatusCodeAfterWrite", (Action)(() => context.Response.StatusCode = 200)),
            "/SetHeaderAfterWrite" => ("SetHeaderAfterWrite", () => context.Response.Headers["This will fail"] = "some value"),
            var other => throw new InvalidOperationException($"There is no ordering test '{other}'."),
        };
        await context.Response.WriteAsync("Started_");
        Check.Throws<InvalidOperationException>(change);
        await context.Response.WriteAsync($"{name}Threw_");
        await context.Response.WriteAsync("Finished");
    }

    private void Throw(HttpContext context) => throw new Exception("thrown by the endpoint");

    private Task WriteManyTimesToResponseBody(HttpContext context) => WriteHello(context, 10_000);

    private Task WriteResponseBodyAFewTimes(HttpContext context) => WriteHello(context, 100);

    private static async Task WriteHello(HttpContext context, int times)
    {
        for (var i = 0; i < times; i++)
        {
            await context.Response.Body.WriteAsync(s_hello);
        }
    }
}
