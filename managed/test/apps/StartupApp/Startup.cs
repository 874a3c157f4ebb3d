// Services and pipeline. The server's options are set for IIS and for Kestrel alike, as apps do that run on both.

using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Mews.TestApps.StartupApp;

/// <summary>The Startup class; the host calls its methods by convention.</summary>
public sealed class Startup(IConfiguration configuration)
{
    /// <summary>Registers MVC and sets the servers' options.</summary>
    public void ConfigureServices(IServiceCollection services)
    {
        var limit = configuration.GetValue<long?>("Limits:MaxRequestBodySize");
        services.Configure<IISServerOptions>(options =>
        {
            options.AllowSynchronousIO = true;
            options.MaxRequestBodySize = limit;
        });
        services.Configure<KestrelServerOptions>(options =>
        {
            options.AllowSynchronousIO = true;
            options.Limits.MaxRequestBodySize = limit;
        });
        services.AddSingleton<ProductStore>();
        services.AddControllers();
        services.AddHostedService<StartMarker>();
    }

    /// <summary>Builds the pipeline.</summary>
    public void Configure(IApplicationBuilder app, IWebHostEnvironment environment)
    {
        if (environment.IsDevelopment())
        {
            app.UseDeveloperExceptionPage();
        }
        else
        {
            app.UseExceptionHandler("/error");
        }

        app.UseStaticFiles();
        app.UseRouting();
        app.UseEndpoints(endpoints =>
        {
            endpoints.MapControllers();
            endpoints.MapGet("/", context => context.Response.WriteAsync("StartupApp"));
        });
    }
}
