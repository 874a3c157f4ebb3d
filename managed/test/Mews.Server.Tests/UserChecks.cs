// Users as the host writes them, and what is no such record.

using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Security.Claims;
using System.Text;
using Mews.Server.Authentication;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.DependencyInjection;

namespace Mews.Server.Tests;

internal static class UserChecks
{
    private const byte Type = 1;
    private const byte Name = 2;
    private const byte GroupName = 3;
    private const byte GroupSid = 4;
    private const byte Sid = 5;
    private const byte Alias = 6;

    internal static void Add(Checks checks)
    {
        checks.Add("user: records become claims", static () =>
        {
            ClaimsPrincipal user = Read(
                (Type, "Negotiate"), (Name, "SHOP\\älice"), (Alias, "älice@SHOP.EXAMPLE"), (Sid, "S-1-5-21-1"), (GroupName, "staff"), (GroupSid, "S-1-5-21-2"));
            Check.Equal("SHOP\\älice", user.Identity!.Name, "name");
            Check.Equal("Negotiate", user.Identity.AuthenticationType, "type");
            Check.True(user.Identity.IsAuthenticated, "authenticated");
            Check.Equal("älice@SHOP.EXAMPLE", user.FindFirstValue(ClaimTypes.Upn), "principal name");
            Check.Equal("S-1-5-21-1", user.FindFirstValue(ClaimTypes.PrimarySid), "own identifier");
            Check.True(user.IsInRole("staff") && user.IsInRole("S-1-5-21-2"), "roles of both kinds");
            Check.True(!user.IsInRole("STAFF") && !user.IsInRole("S-1-5-21-1"), "other roles");
            Check.Equal("S-1-5-21-2", user.FindAll(ClaimTypes.GroupSid).Single().Value, "group identifiers");
        });
        checks.Add("user: authentication services are there for whom can sign in, or whose app knows of users", static () =>
        {
            Check.True(!HasSchemes(signIn: false, static _ => { }), "an app that knows of none");
            Check.True(HasSchemes(signIn: true, static _ => { }), "users sign in at the host");
            Check.True(HasSchemes(signIn: false, static services => services.AddAuthorizationCore()), "authorization");
            Check.True(HasSchemes(signIn: false, static services => services.AddAuthentication()), "authentication");
        });
        checks.Add("user: the order of records does not count, and unknown ones are passed over", static () =>
        {
            ClaimsPrincipal user = Read((200, "later"), (GroupName, "staff"), (Name, "a@B"), (Type, "Basic"));
            Check.Equal("a@B", user.Identity!.Name, "name");
            Check.Equal("a@B", user.FindFirstValue(ClaimTypes.Upn), "a name that is a principal name");
            Check.True(user.IsInRole("staff"), "role");
        });
        checks.Add("user: nobody without a name and a type", static () =>
        {
            Check.True(UserRecords.Read([]) is null, "no records");
            Check.True(UserRecords.Read(Records((Type, "Negotiate"))) is null, "no name");
            Check.True(UserRecords.Read(Records((Name, "a"))) is null, "no type");
            Check.True(UserRecords.Read(Records((Type, "Negotiate"), (Name, string.Empty))) is null, "an empty name");
            Check.True(UserRecords.Read(Records((Type, string.Empty), (Name, "a"))) is null, "an empty type");
        });
        checks.Add("user: cut or overlong records are nobody's", static () =>
        {
            byte[] whole = Records((Type, "Negotiate"), (Name, "SHOP\\alice"), (GroupName, "staff"));
            int[] ends = [Records((Type, "Negotiate"), (Name, "SHOP\\alice")).Length, whole.Length];
            for (int length = 0; length <= whole.Length; length++)
            {
                bool isUser = UserRecords.Read(whole.AsSpan(0, length)) is not null;
                // Behind the name a whole record may be missing; who is cut in the middle of one is nobody.
                Check.Equal(ends.Contains(length), isUser, "cut at " + length);
            }

            foreach (uint claimed in new[] { uint.MaxValue, (uint)int.MaxValue, (uint)int.MaxValue + 1, (uint)whole.Length })
            {
                byte[] longer = (byte[])whole.Clone();
                BinaryPrimitives.WriteUInt32LittleEndian(longer.AsSpan(1), claimed);
                Check.True(UserRecords.Read(longer) is null, "a record of " + claimed);
            }
        });
    }

    // What WebApplication goes by when it puts its authentication middleware into the pipeline.
    private static bool HasSchemes(bool signIn, Action<IServiceCollection> app)
    {
        var services = new ServiceCollection();
        app(services);
        AuthenticationRegistration.InProcess(services, signIn);
        return services.Any(static service => service.ServiceType == typeof(IAuthenticationSchemeProvider));
    }

    private static ClaimsPrincipal Read(params (byte Tag, string Text)[] records)
        => UserRecords.Read(Records(records)) ?? throw new CheckFailed("nobody was read");

    private static byte[] Records(params (byte Tag, string Text)[] records)
    {
        var bytes = new List<byte>();
        foreach ((byte tag, string text) in records)
        {
            byte[] utf8 = Encoding.UTF8.GetBytes(text);
            byte[] length = new byte[4];
            BinaryPrimitives.WriteInt32LittleEndian(length, utf8.Length);
            bytes.Add(tag);
            bytes.AddRange(length);
            bytes.AddRange(utf8);
        }

        return [.. bytes];
    }
}
