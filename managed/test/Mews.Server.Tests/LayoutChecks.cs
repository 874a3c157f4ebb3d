// The structures lie as the specification of the function table says.

using System;
using System.Linq;
using Mews.Server.Headers;
using Mews.Server.Interop;

namespace Mews.Server.Tests;

internal static class LayoutChecks
{
    internal static void Add(Checks checks)
    {
        checks.Add("layout: sizes and offsets of the specification", () =>
        {
            string[] lines = Layout.Describe().Split('\n', StringSplitOptions.RemoveEmptyEntries);
            foreach (string expected in new[]
            {
                "HostTable size 104", "ManagedCallbacks size 56", "HostInfo size 120", "RawHeader size 24", "RawConnection size 120",
                "RawExchange.user_len 164", "RawExchange.user 168", "RawExchange size 208", "HostTable.info 8", "HostTable.upgrade 96", "ManagedCallbacks.on_drained 48",
                "HostInfo.physical_path_len 80", "HostInfo.site_id 112", "RawHeader.known 22", "RawConnection.local_address 32",
                "RawConnection.client_certificate_len 84", "RawExchange.handle 0", "RawExchange.version 106", "RawExchange.head 112",
                "RawExchange.trailers_at 156", "RawExchange.response_flags 160",
            })
            {
                Check.True(lines.Contains(expected), "missing line: " + expected);
            }

            Check.Equal(6, lines.Count(line => line.Contains(" size ")), "structures");
        });
        checks.Add("layout: every known header number has a name that leads back to it", () =>
        {
            for (int number = 1; number < KnownHeader.Count; number++)
            {
                string name = KnownHeader.Name(number);
                Check.Equal(number, KnownHeader.Find(name), name);
                Check.Equal(number, KnownHeader.Find(name.ToUpperInvariant()), name.ToUpperInvariant());
                Check.Equal(KnownHeader.None, KnownHeader.Find(name + "x"), name + "x");
            }

            Check.Equal(KnownHeader.None, KnownHeader.Find(string.Empty), "empty name");
        });
    }
}
