// Postponed flushes must not wait for ever: a request that blocks its thread after a flush has them sent from here.
// Costs one timer, and that only while there is traffic.

using System;
using System.Threading;

namespace Mews.Server.Http;

/// <summary>Looks after the flushes postponed on each I/O thread.</summary>
internal static class FlushSweep
{
    private const int PeriodMilliseconds = 10;
    private const int IdlePeriods = 100;

    [ThreadStatic]
    private static Place? t_place;

    private static readonly object s_gate = new();
    private static Place[] s_places = Array.Empty<Place>();
    private static Timer? s_timer;
    private static int s_running;
    private static int s_noted;
    private static int s_idle;

    /// <summary>Notes that a flush was postponed on this thread.</summary>
    internal static void Note(MewsHttpContext context)
    {
        Place place = t_place ?? AddPlace();
        // The mark tells a flush of this period from one that the last sweep saw already.
        place.Fresh = true;
        Volatile.Write(ref place.Context, context);
        s_noted = 1;
        if (Volatile.Read(ref s_running) == 0)
        {
            StartTimer();
        }
    }

    private static Place AddPlace()
    {
        var place = new Place();
        lock (s_gate)
        {
            var places = new Place[s_places.Length + 1];
            s_places.CopyTo(places, 0);
            places[^1] = place;
            Volatile.Write(ref s_places, places);
        }

        return t_place = place;
    }

    private static void StartTimer()
    {
        lock (s_gate)
        {
            if (s_running != 0)
            {
                return;
            }

            s_idle = 0;
            if (s_timer is null)
            {
                // The timer must not keep the first request's values alive.
                using (ExecutionContext.SuppressFlow())
                {
                    s_timer = new Timer(static _ => Sweep(), null, Timeout.Infinite, Timeout.Infinite);
                }
            }

            s_timer.Change(PeriodMilliseconds, PeriodMilliseconds);
            Volatile.Write(ref s_running, 1);
        }
    }

    private static void Sweep()
    {
        bool noted = Interlocked.Exchange(ref s_noted, 0) != 0;
        foreach (Place place in Volatile.Read(ref s_places))
        {
            MewsHttpContext? context = Volatile.Read(ref place.Context);
            if (context is null)
            {
                continue;
            }

            if (place.Fresh)
            {
                place.Fresh = false;
                noted = true;
                continue;
            }

            // Only forgets what it looked at; the thread may have noted another one meanwhile.
            Interlocked.CompareExchange(ref place.Context, null, context);
            context.PushDeferred();
        }

        if (noted)
        {
            s_idle = 0;
            return;
        }

        if (++s_idle < IdlePeriods)
        {
            return;
        }

        lock (s_gate)
        {
            s_timer!.Change(Timeout.Infinite, Timeout.Infinite);
            Volatile.Write(ref s_running, 0);
        }
    }

    private sealed class Place
    {
        internal MewsHttpContext? Context;
        internal volatile bool Fresh;
    }
}
