// Answers that went wrong: a page for people, a problem document for scripts.

using Mews.Samples.Demo.Pages;
using Microsoft.AspNetCore.WebUtilities;

namespace Mews.Samples.Demo.Web;

/// <summary>Pages for exceptions and for statuses without a body.</summary>
public static class ErrorPages
{
    /// <summary>Adds them to the pipeline.</summary>
    public static void UseErrorPages(this IApplicationBuilder app)
    {
        app.UseExceptionHandler(new ExceptionHandlerOptions
        {
            ExceptionHandler = Write,
            StatusCodeSelector = failure => failure is BadHttpRequestException bad ? bad.StatusCode : StatusCodes.Status500InternalServerError,
        });
        app.UseStatusCodePages(status => Write(status.HttpContext));
    }

    private static Task Write(HttpContext context)
    {
        var code = context.Response.StatusCode;
        var title = ReasonPhrases.GetReasonPhrase(code);
        if (context.Request.Path.StartsWithSegments("/api"))
        {
            return Results.Problem(statusCode: code, title: title).ExecuteAsync(context);
        }

        var cause = code switch
        {
            StatusCodes.Status404NotFound => "There is nothing at this address.",
            StatusCodes.Status403Forbidden => "That was asked for by another site, so it was not done.",
            StatusCodes.Status413PayloadTooLarge => "That was larger than this site accepts.",
            >= 500 => "The site failed while it made its answer. The failure is in the app's log.",
            _ => "The request could not be answered.",
        };
        return Layout.Write(context, title, Markup.Of($"""
            <section class="card lone">
              <p class="code">{code}</p>
              <h1>{title}</h1>
              <p>{cause}</p>
              <p><a class="button" href=".">To the start page</a></p>
            </section>
            """));
    }
}
