// The feature collection. Features that the context itself offers or that every request sets have a numbered place;
// the others go to a short list.

using System;
using System.Collections;
using System.Collections.Generic;
using System.Numerics;
using Mews.Server.Interop;
using Microsoft.AspNetCore.Http.Features;

namespace Mews.Server.Http;

internal abstract partial class MewsHttpContext : IFeatureCollection
{
    private readonly object?[] _features = new object?[FeatureIndex.Count];
    // Bit i: the context offers feature i itself for this request.
    private ulong _offered;
    // Bit i: feature i was set by somebody; the value, perhaps null, is in _features.
    private ulong _replaced;
    private List<KeyValuePair<Type, object>>? _extra;
    private int _revision;

    bool IFeatureCollection.IsReadOnly => false;

    int IFeatureCollection.Revision => _revision;

    object? IFeatureCollection.this[Type key]
    {
        get
        {
            ArgumentNullException.ThrowIfNull(key);
            int index = FeatureIndex.Of(key);
            return index >= 0 ? Feature(index) : IsContextType(key) ? this : Extra(key);
        }
        set
        {
            ArgumentNullException.ThrowIfNull(key);
            SetFeature(key, value);
        }
    }

    TFeature? IFeatureCollection.Get<TFeature>()
        where TFeature : default
    {
        int index = FeatureIndex.Of(typeof(TFeature));
        if (index >= 0)
        {
            return (TFeature?)Feature(index);
        }

        return IsContextType(typeof(TFeature)) ? (TFeature?)(object?)this : (TFeature?)Extra(typeof(TFeature));
    }

    void IFeatureCollection.Set<TFeature>(TFeature? instance)
        where TFeature : default
        => SetFeature(typeof(TFeature), instance);

    IEnumerator<KeyValuePair<Type, object>> IEnumerable<KeyValuePair<Type, object>>.GetEnumerator() => Features();

    IEnumerator IEnumerable.GetEnumerator() => Features();

    private unsafe void BeginFeatures(RawExchange* exchange)
    {
        ulong offered = FeatureIndex.Always;
        _mayHaveTrailers = (exchange->request_flags & RequestFlags.ResponseTrailers) != 0;
        if (_mayHaveTrailers)
        {
            offered |= 1UL << FeatureIndex.ResponseTrailers;
        }

        if (_version >= 20)
        {
            offered |= 1UL << FeatureIndex.Reset;
        }

        if (_settings.Host.WebSockets)
        {
            offered |= 1UL << FeatureIndex.Upgrade;
            if ((exchange->request_flags & RequestFlags.ExtendedConnect) != 0)
            {
                offered |= 1UL << FeatureIndex.ExtendedConnect;
            }
        }

        if (exchange->connection->tls != 0)
        {
            offered |= 1UL << FeatureIndex.TlsHandshake;
        }

        _offered = offered;
    }

    private void ResetFeatures()
    {
        for (ulong rest = _replaced; rest != 0; rest &= rest - 1)
        {
            _features[BitOperations.TrailingZeroCount(rest)] = null;
        }

        _offered = 0;
        _replaced = 0;
        _extra?.Clear();
        // References that the framework cached during the request must not be used for the next one.
        _revision++;
    }

    private object? Feature(int index)
    {
        ulong bit = 1UL << index;
        return (_replaced & bit) != 0 ? _features[index] : (_offered & bit) != 0 ? this : null;
    }

    private void SetFeature(Type key, object? value)
    {
        int index = FeatureIndex.Of(key);
        if (index >= 0)
        {
            _features[index] = value;
            _replaced |= 1UL << index;
        }
        else if (IsContextType(key))
        {
            throw new InvalidOperationException("The server's own context cannot be replaced.");
        }
        else
        {
            SetExtra(key, value);
        }

        _revision++;
    }

    // Asked for by type and not by cast: an app must not reach the context through some interface that happens to be implemented.
    private static bool IsContextType(Type key) => typeof(MewsHttpContext).IsAssignableFrom(key);

    private object? Extra(Type key)
    {
        if (_extra is not null)
        {
            foreach (KeyValuePair<Type, object> feature in _extra)
            {
                if (feature.Key == key)
                {
                    return feature.Value;
                }
            }
        }

        return null;
    }

    private void SetExtra(Type key, object? value)
    {
        List<KeyValuePair<Type, object>> extra = _extra ??= new List<KeyValuePair<Type, object>>(4);
        for (int i = 0; i < extra.Count; i++)
        {
            if (extra[i].Key != key)
            {
                continue;
            }

            if (value is null)
            {
                extra.RemoveAt(i);
            }
            else
            {
                extra[i] = new KeyValuePair<Type, object>(key, value);
            }

            return;
        }

        if (value is not null)
        {
            extra.Add(new KeyValuePair<Type, object>(key, value));
        }
    }

    private IEnumerator<KeyValuePair<Type, object>> Features()
    {
        for (int i = 0; i < FeatureIndex.Count; i++)
        {
            object? feature = Feature(i);
            if (feature is not null)
            {
                yield return new KeyValuePair<Type, object>(FeatureIndex.TypeOf(i), feature);
            }
        }

        if (_extra is not null)
        {
            foreach (KeyValuePair<Type, object> feature in _extra)
            {
                yield return feature;
            }
        }
    }
}
