// An app as the templates of ASP.NET Core 3 and 5 made it: a generic host, a Startup class and MVC controllers,
// with its server's options set through the options system.

using Mews.TestApps.StartupApp;

Host.CreateDefaultBuilder(args)
    .ConfigureWebHostDefaults(web => web.UseStartup<Startup>())
    .Build()
    .Run();
