// Services, the few middlewares, and routing: each instance method of this class with exactly one parameter, of type
// HttpContext or IApplicationBuilder, is an endpoint or a branch under the method's own name.

using System.Reflection;

namespace Mews.TestApps.InProcessSite;

/// <summary>The site. Its endpoints are in the files of the folder Endpoints, one for each subject.</summary>
public sealed partial class Startup
{
    /// <summary>Registers what the endpoints need.</summary>
    public void ConfigureServices(IServiceCollection services)
    {
        services.AddResponseCompression();
        services.AddHttpContextAccessor();
    }

    /// <summary>Builds the pipeline.</summary>
    public void Configure(IApplicationBuilder app)
    {
        if (Environment.GetEnvironmentVariable("ENABLE_HTTPS_REDIRECTION") is not null)
        {
            app.UseHttpsRedirection();
        }

        app.UseWebSockets();
        var endpoints = FindEndpoints(this, app);
        app.Run(context =>
        {
            // The first segment chooses, in any case; it moves to the path base as the client has spelt it.
            // A path that names no endpoint gets an empty 200.
            var path = context.Request.Path.Value ?? "";
            var end = path.IndexOf('/', Math.Min(1, path.Length));
            var first = end < 0 ? path : path[..end];
            if (!endpoints.TryGetValue(first, out var endpoint))
            {
                return Task.CompletedTask;
            }

            context.Request.PathBase = context.Request.PathBase.Add(first);
            context.Request.Path = new PathString(path[first.Length..]);
            return endpoint(context);
        });
    }

    // Static, as every helper here must be: an instance method with one parameter would be an endpoint itself.
    private static Dictionary<string, RequestDelegate> FindEndpoints(Startup site, IApplicationBuilder app)
    {
        var endpoints = new Dictionary<string, RequestDelegate>(StringComparer.OrdinalIgnoreCase);
        foreach (var method in typeof(Startup).GetMethods(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.DeclaredOnly))
        {
            if (method.Name == nameof(Configure) || method.GetParameters() is not [var parameter])
            {
                continue;
            }

            if (parameter.ParameterType == typeof(HttpContext))
            {
                endpoints.Add("/" + method.Name, EndpointOf(site, method));
            }
            else if (parameter.ParameterType == typeof(IApplicationBuilder))
            {
                var branch = app.New();
                method.Invoke(site, [branch]);
                endpoints.Add("/" + method.Name, branch.Build());
            }
        }

        return endpoints;
    }

    private static RequestDelegate EndpointOf(Startup site, MethodInfo method)
    {
        if (method.ReturnType == typeof(Task))
        {
            return method.CreateDelegate<RequestDelegate>(site);
        }

        var action = method.CreateDelegate<Action<HttpContext>>(site);
        return context =>
        {
            action(context);
            return Task.CompletedTask;
        };
    }
}
