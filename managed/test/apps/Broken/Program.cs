// Apps that start wrong, run wrong or stop wrong, in one program: the mode is the first argument, or else the
// environment variable BROKEN_MODE. A mode that serves answers every path with its name unless said otherwise.
//
// before there is a host
//   NotWeb                   prints a line on stdout and returns 0: a console program
//   ExitsInMain              prints on stdout and stderr and returns 12
//   ThrowsInMain             InvalidOperationException leaves Main
//   ThrowsAsyncInMain        the same after an await
//   FailFastInMain           Environment.FailFast
//   BlocksInMain             Main never comes to a host
//   ForegroundThreadInMain   returns 3 while a foreground thread still runs, for ever
// while the host starts
//   ThrowsInStartup          Configure throws, in a generic host with a Startup class
//   ThrowsInHostedService    a hosted service's StartAsync throws
//   MissingAssembly          Main touches a type whose assembly is not there
//   NoServer                 a generic host without web: starts, serves nothing, runs until stopped
//   OtherServer              registers an IServer of its own, which starts, and does nothing
//   WorkerPlusWeb            starts a host without web first, then a web host, which serves
//   SlowStart                sleeps SLOW_START_MS milliseconds (default 3000), then serves
// while it runs
//   CrashesAfterStart        serves, and dies of an exception on a thread CRASH_AFTER_MS (default 200) after the start
//   ExitsAfterStart          serves, and leaves Main with code 5 EXIT_AFTER_MS (default 200) after the start
//   StackOverflowInRequest   /overflow dies of endless recursion; other paths serve
//   OutOfMemoryInRequest     /allocate?mb=N keeps N MiB (default 64) for ever; other paths serve
//   DeadlocksInRequest       /deadlock blocks its thread for ever; other paths serve
// while it stops
//   SlowStop                 a hosted service takes SLOW_STOP_MS (default 3000) to stop
//   HangsOnStop              the host stops, but Main never returns
//   ThrowsOnStop             a hosted service throws while it stops

using Mews.TestApps.Broken;

var mode = args.Length > 0 ? args[0] : Environment.GetEnvironmentVariable("BROKEN_MODE");
switch (mode)
{
    case "NotWeb":
        Console.WriteLine("a console program");
        return 0;
    case "ExitsInMain":
        Console.WriteLine("ExitsInMain on stdout");
        Console.Error.WriteLine("ExitsInMain on stderr");
        return 12;
    case "ThrowsInMain":
        throw new InvalidOperationException("thrown by Main");
    case "ThrowsAsyncInMain":
        await Task.Yield();
        throw new InvalidOperationException("thrown by Main after an await");
    case "FailFastInMain":
        Environment.FailFast("asked to fail fast in Main");
        return 1;
    case "BlocksInMain":
        Thread.Sleep(Timeout.Infinite);
        return 1;
    case "ForegroundThreadInMain":
        new Thread(() => Thread.Sleep(Timeout.Infinite)).Start();
        return 3;

    case "ThrowsInStartup":
        Starting.ThrowsInStartup(args);
        return 1;
    case "ThrowsInHostedService":
        Starting.ThrowsInHostedService(args);
        return 1;
    case "MissingAssembly":
        Starting.MissingAssembly();
        return 1;
    case "NoServer":
        Starting.NoServer(args);
        return 0;
    case "OtherServer":
        Starting.OtherServer(args);
        return 0;
    case "WorkerPlusWeb":
        await Starting.WorkerPlusWeb(args);
        return 0;
    case "SlowStart":
        Thread.Sleep(Settings.Milliseconds("SLOW_START_MS", 3000));
        Serving.Site(mode, args).Run();
        return 0;

    case "CrashesAfterStart":
        Serving.CrashesAfterStart(args);
        return 0;
    case "ExitsAfterStart":
        await Serving.ExitsAfterStart(args);
        return 5;
    case "StackOverflowInRequest":
        Serving.StackOverflowInRequest(args);
        return 0;
    case "OutOfMemoryInRequest":
        Serving.OutOfMemoryInRequest(args);
        return 0;
    case "DeadlocksInRequest":
        Serving.DeadlocksInRequest(args);
        return 0;

    case "SlowStop":
        Stopping.SlowStop(args);
        return 0;
    case "HangsOnStop":
        Serving.Site(mode, args).Run();
        Thread.Sleep(Timeout.Infinite);
        return 1;
    case "ThrowsOnStop":
        Stopping.ThrowsOnStop(args);
        return 0;

    default:
        Console.Error.WriteLine($"Broken: unknown mode '{mode}'. Give one listed at the top of Program.cs as the first argument or in BROKEN_MODE.");
        return 2;
}
