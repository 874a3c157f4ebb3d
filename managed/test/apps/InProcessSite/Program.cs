// The site that the hosting behaviours of IIS are tested with: endpoints that report or check one fact each, and
// start-up modes, chosen by the first argument. It is an ordinary app written for IIS: it calls UseIIS and
// UseIISIntegration, which do nothing outside Windows, and runs on Kestrel as well.
//
// A handler that checks something throws when the check fails; a plain 200 with an empty body says that all held.
//
//   (none or unknown)             serves, on the generic host
//   WebApplication, SlimBuilder, StartupGenericHost, WebHost, WebHostBuilder
//                                 serve, on a host built in that way
//   CreateFile PATH               creates the empty file PATH, then serves
//   ConsoleWrite N, ConsoleErrorWrite N
//                                 print "Random number: N" on stdout or stderr; exit code 12
//   ConsoleWriteSingle            prints "Wow!"
//   ConsoleWrite30Kb              prints 40,000 characters on stdout
//   CheckLargeStdOutWrites, CheckLargeStdErrWrites
//                                 print 30,000 characters on that stream; exit code 12
//   CheckOversizedStdErrWrites, CheckOversizedStdOutWrites
//                                 print 31,000 characters on the *other* stream; exit code 12
//   ConsoleWriteStartServer, ConsoleErrorWriteStartServer
//                                 print "TEST MESSAGE" on stdout or stderr, then serve
//   CheckConsoleFunctions         uses the console's encoding, title and colour; exit code 12
//   Hang                          never comes to a server
//   HangOnStop                    serves; Main never returns after the host has stopped
//   IncreaseShutdownLimit         serves with a shutdown timeout of 120 seconds
//   DecreaseRequestLimit          serves with IISServerOptions.MaxRequestBodySize = 2
//   AddLatin1                     serves with Latin-1 request headers switched on
//   OverriddenServer              replaces the server by one that does not start; exit code 12, or unhandled
//   Throw                         throws from Main
//   EarlyReturn                   returns at once; exit code 12
//   ThrowInStartup, ThrowInStartupGenericHost
//                                 throw from Startup.Configure, on the web host or the generic host

using System.Text;
using Mews.TestApps.InProcessSite;

switch (args.FirstOrDefault())
{
    case "WebApplication":
        Hosts.WebApplication(args).Run();
        return 0;
    case "SlimBuilder":
        Hosts.SlimWebApplication(args).Run();
        return 0;
    case "StartupGenericHost":
        Hosts.WebHostDefaults(args).Run();
        return 0;
    case "WebHost":
        Hosts.WebHostDefaultBuilder(args).Run();
        return 0;
    case "WebHostBuilder":
        Hosts.BareWebHostBuilder<Startup>(args).Run();
        return 0;

    case "CreateFile":
        File.WriteAllText(args[1], "");

        // The path must not reach the host's configuration, which would take it for a key.
        Hosts.Default(args[2..]).Run();
        return 0;
    case "ConsoleWrite":
        Console.WriteLine($"Random number: {args[1]}");
        return 12;
    case "ConsoleErrorWrite":
        Console.Error.WriteLine($"Random number: {args[1]}");
        return 12;
    case "ConsoleWriteSingle":
        Console.WriteLine("Wow!");
        return 0;
    case "ConsoleWrite30Kb":
        Console.WriteLine(new string('a', 40_000));
        return 0;
    case "CheckLargeStdOutWrites":
        Console.Out.WriteLine(new string('a', 30_000));
        return 12;
    case "CheckLargeStdErrWrites":
        Console.Error.WriteLine(new string('a', 30_000));
        return 12;
    case "CheckOversizedStdErrWrites":
        Console.Out.WriteLine(new string('a', 31_000));
        return 12;
    case "CheckOversizedStdOutWrites":
        Console.Error.WriteLine(new string('a', 31_000));
        return 12;
    case "ConsoleWriteStartServer":
        Console.WriteLine("TEST MESSAGE");
        return Serve();
    case "ConsoleErrorWriteStartServer":
        Console.Error.WriteLine("TEST MESSAGE");
        return Serve();
    case "CheckConsoleFunctions":
        Console.OutputEncoding = Encoding.UTF8;
        Console.Title = "Test";
        Console.WriteLine($"Is Console redirection: {Console.IsOutputRedirected}");
        Console.BackgroundColor = ConsoleColor.Blue;
        Console.WriteLine("\u5f61\u2f94");
        return 12;

    case "Hang":
        Thread.Sleep(Timeout.Infinite);
        return 1;
    case "HangOnStop":
        Hosts.Default(args).Run();
        Thread.Sleep(Timeout.Infinite);
        return 1;
    case "IncreaseShutdownLimit":
        Hosts.Default(args, services => services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(120))).Run();
        return 0;
    case "DecreaseRequestLimit":
        Hosts.Default(args, services => services.Configure<IISServerOptions>(options => options.MaxRequestBodySize = 2)).Run();
        return 0;
    case "AddLatin1":
        AppContext.SetSwitch("Microsoft.AspNetCore.Server.IIS.Latin1RequestHeaders", true);
        return Serve();
    case "OverriddenServer":
        Hosts.OverriddenServer(args).Run();
        return 12;

    case "Throw":
        throw new InvalidOperationException("Program.Main exception");
    case "EarlyReturn":
        return 12;
    case "ThrowInStartup":
        Hosts.BareWebHostBuilder<ThrowingStartup>(args).Run();
        return 0;
    case "ThrowInStartupGenericHost":
        Hosts.ThrowingGenericHost(args).Run();
        return 0;

    default:
        return Serve();
}

int Serve()
{
    Hosts.Default(args).Run();
    return 0;
}
