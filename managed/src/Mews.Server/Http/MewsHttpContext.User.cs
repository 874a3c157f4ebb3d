// Who sends the request: what the host has found out, and what the app makes of it.

using System;
using System.Security.Claims;
using Mews.Server.Authentication;
using Microsoft.AspNetCore.Http.Features.Authentication;

namespace Mews.Server.Http;

internal abstract partial class MewsHttpContext : IHttpAuthenticationFeature
{
    private ClaimsPrincipal? _windowsUser;
    private bool _windowsUserRead;
    private ClaimsPrincipal? _user;
    private bool _userSet;

    /// <summary>Who has signed in at the host; null for an anonymous request.</summary>
    internal unsafe ClaimsPrincipal? WindowsUser
    {
        get
        {
            if (!_windowsUserRead && _handle != 0)
            {
                _windowsUser = UserRecords.Read(new ReadOnlySpan<byte>(Exchange()->user, (int)Exchange()->user_len));
                _windowsUserRead = true;
            }

            return _windowsUser;
        }
    }

    ClaimsPrincipal? IHttpAuthenticationFeature.User
    {
        get => _userSet || !_settings.AutomaticAuthentication ? _user : WindowsUser;
        set
        {
            _user = value;
            _userSet = true;
        }
    }

    private void ResetUser()
    {
        _windowsUser = null;
        _windowsUserRead = false;
        _user = null;
        _userSet = false;
    }
}
