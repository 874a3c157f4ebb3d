// A header collection with a numbered place for each well-known name and a short list for the rest.
// What may be set and where values come from is decided by the derived collections.

using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Numerics;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Mews.Server.Headers;

/// <summary>Base of the request, response and trailer collections. Not thread-safe for writing, like every header collection.</summary>
internal abstract partial class HeaderStore : IHeaderDictionary
{
    private const ulong ContentLengthBit = 1UL << KnownHeader.ContentLength;

    private readonly StringValues[] _known = new StringValues[KnownHeader.Count];
    private KeyValuePair<string, StringValues>[] _others = Array.Empty<KeyValuePair<string, StringValues>>();
    private int _otherCount;
    private ulong _present;
    private long _contentLength = -1;

    /// <summary>Bit n is set when well-known header n has a value.</summary>
    protected ulong Present => _present;

    /// <summary>The headers without a number, in the order they were set.</summary>
    protected ReadOnlySpan<KeyValuePair<string, StringValues>> Others => _others.AsSpan(0, _otherCount);

    /// <summary>The length set through either property, or −1.</summary>
    internal long ContentLengthOrNone => _contentLength;

    public virtual bool IsReadOnly => false;

    public ICollection<string> Keys
    {
        get
        {
            var keys = new List<string>(Count);
            foreach (KeyValuePair<string, StringValues> header in this)
            {
                keys.Add(header.Key);
            }

            return keys;
        }
    }

    public ICollection<StringValues> Values
    {
        get
        {
            var values = new List<StringValues>(Count);
            foreach (KeyValuePair<string, StringValues> header in this)
            {
                values.Add(header.Value);
            }

            return values;
        }
    }

    public int Count
    {
        get
        {
            LoadAll();
            return BitOperations.PopCount(_present) + _otherCount;
        }
    }

    public long? ContentLength
    {
        get
        {
            Load(KnownHeader.ContentLength);
            return _contentLength >= 0 ? _contentLength : null;
        }
        set
        {
            if (value < 0)
            {
                throw new ArgumentOutOfRangeException(nameof(value), value, "Content-Length must be zero or more.");
            }

            ThrowIfReadOnly();
            Load(KnownHeader.ContentLength);
            _contentLength = value ?? -1;
            _present = value is null ? _present & ~ContentLengthBit : _present | ContentLengthBit;
        }
    }

    public StringValues this[string key]
    {
        get
        {
            int number = KnownHeader.Find(key);
            if (number != KnownHeader.None)
            {
                return Get(number);
            }

            LoadOther(key);
            int at = FindOther(key);
            return at < 0 ? StringValues.Empty : _others[at].Value;
        }
        set
        {
            ThrowIfReadOnly();
            int number = KnownHeader.Find(key);
            if (value.Count == 0)
            {
                RemoveCore(number, key);
                return;
            }

            Validate(number, key, value);
            if (number != KnownHeader.None)
            {
                Load(number);
                SetKnown(number, value);
                return;
            }

            LoadOther(key);
            int at = FindOther(key);
            if (at < 0)
            {
                AppendOther(key, value);
            }
            else
            {
                _others[at] = new KeyValuePair<string, StringValues>(_others[at].Key, value);
            }
        }
    }

    StringValues IDictionary<string, StringValues>.this[string key]
    {
        get => TryGetValue(key, out StringValues value) ? value : throw new KeyNotFoundException("There is no header '" + key + "'.");
        set => this[key] = value;
    }

    public bool TryGetValue(string key, out StringValues value)
    {
        value = this[key];
        return value.Count != 0;
    }

    public bool ContainsKey(string key) => this[key].Count != 0;

    public void Add(string key, StringValues value)
    {
        ThrowIfReadOnly();
        if (ContainsKey(key))
        {
            throw new ArgumentException("The header '" + key + "' is already there.", nameof(key));
        }

        this[key] = value;
    }

    public void Add(KeyValuePair<string, StringValues> item) => Add(item.Key, item.Value);

    public bool Remove(string key)
    {
        ThrowIfReadOnly();
        return RemoveCore(KnownHeader.Find(key), key);
    }

    public bool Remove(KeyValuePair<string, StringValues> item) => Contains(item) && Remove(item.Key);

    public bool Contains(KeyValuePair<string, StringValues> item)
        => TryGetValue(item.Key, out StringValues value) && value.Equals(item.Value);

    public void Clear()
    {
        ThrowIfReadOnly();
        LoadAll();
        ClearStorage();
    }

    public void CopyTo(KeyValuePair<string, StringValues>[] array, int arrayIndex)
    {
        ArgumentNullException.ThrowIfNull(array);
        ArgumentOutOfRangeException.ThrowIfNegative(arrayIndex);
        if (array.Length - arrayIndex < Count)
        {
            throw new ArgumentException("The array is too short for the headers.", nameof(array));
        }

        foreach (KeyValuePair<string, StringValues> header in this)
        {
            array[arrayIndex++] = header;
        }
    }

    public IEnumerator<KeyValuePair<string, StringValues>> GetEnumerator()
    {
        LoadAll();
        for (ulong rest = _present; rest != 0; rest &= rest - 1)
        {
            int number = BitOperations.TrailingZeroCount(rest);
            yield return new KeyValuePair<string, StringValues>(KnownHeader.Name(number), Get(number));
        }

        for (int i = 0; i < _otherCount; i++)
        {
            yield return _others[i];
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The values of a well-known header; empty when it is not there.</summary>
    protected StringValues Get(int number)
    {
        Load(number);
        if ((_present & (1UL << number)) == 0)
        {
            return StringValues.Empty;
        }

        return number == KnownHeader.ContentLength ? _contentLength.ToString(CultureInfo.InvariantCulture) : _known[number];
    }

    /// <summary>Sets a well-known header as an app would: checked, and removed by an empty value.</summary>
    protected void Put(int number, StringValues value)
    {
        ThrowIfReadOnly();
        if (value.Count == 0)
        {
            RemoveCore(number, string.Empty);
            return;
        }

        Validate(number, string.Empty, value);
        Load(number);
        SetKnown(number, value);
    }

    /// <summary>Stores a value without any check.</summary>
    protected void SetKnown(int number, StringValues value)
    {
        if (number == KnownHeader.ContentLength)
        {
            _contentLength = ParseContentLength(value);
        }
        else
        {
            _known[number] = value;
        }

        _present |= 1UL << number;
    }

    /// <summary>Stores a value without any check; the name must not be there yet.</summary>
    protected void AppendOther(string name, StringValues value)
    {
        if (_otherCount == _others.Length)
        {
            Array.Resize(ref _others, Math.Max(8, _others.Length * 2));
        }

        // Counted only when it is in place: others may be reading.
        _others[_otherCount] = new KeyValuePair<string, StringValues>(name, value);
        _otherCount++;
    }

    /// <summary>Where a header without a number is stored; −1 when it is not.</summary>
    protected int FindOther(string name)
    {
        KeyValuePair<string, StringValues>[] others = _others;
        for (int i = 0; i < _otherCount; i++)
        {
            string candidate = others[i].Key;
            if (candidate.Length == name.Length
                && (ReferenceEquals(candidate, name) || string.Equals(candidate, name, StringComparison.OrdinalIgnoreCase)))
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>Appends a value to the header without a number at <paramref name="at"/>.</summary>
    protected void ConcatOther(int at, string value)
        => _others[at] = new KeyValuePair<string, StringValues>(_others[at].Key, StringValues.Concat(_others[at].Value, value));

    /// <summary>Forgets every value.</summary>
    protected void ClearStorage()
    {
        for (ulong rest = _present & ~ContentLengthBit; rest != 0; rest &= rest - 1)
        {
            _known[BitOperations.TrailingZeroCount(rest)] = default;
        }

        _present = 0;
        _contentLength = -1;
        if (_otherCount != 0)
        {
            Array.Clear(_others, 0, _otherCount);
            _otherCount = 0;
            if (_others.Length > 64)
            {
                // One request with a thousand headers must not pin its array to the slot for ever.
                _others = Array.Empty<KeyValuePair<string, StringValues>>();
            }
        }
    }

    /// <summary>Makes a well-known header's value available before it is looked at.</summary>
    protected virtual void Load(int number)
    {
    }

    /// <summary>Makes a header without a number available before it is looked at.</summary>
    protected virtual void LoadOther(string name)
    {
    }

    /// <summary>Makes everything available before it is listed or changed as a whole.</summary>
    protected virtual void LoadAll()
    {
    }

    /// <summary>Refuses what may not be set; <paramref name="name"/> is only looked at when <paramref name="number"/> is 0.</summary>
    protected virtual void Validate(int number, string name, StringValues value)
    {
    }

    /// <summary>Refuses any change once the collection is closed.</summary>
    protected virtual void ThrowIfReadOnly()
    {
    }

    private static long ParseContentLength(StringValues value)
    {
        string? text = value.Count == 1 ? value[0] : null;
        if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long length))
        {
            throw new InvalidOperationException("Invalid Content-Length: '" + value.ToString() + "'. It must be one whole number, zero or more.");
        }

        return length;
    }

    private bool RemoveCore(int number, string name)
    {
        if (number != KnownHeader.None)
        {
            Load(number);
            ulong bit = 1UL << number;
            bool there = (_present & bit) != 0;
            _present &= ~bit;
            _known[number] = default;
            if (number == KnownHeader.ContentLength)
            {
                _contentLength = -1;
            }

            return there;
        }

        // Everything, not just this one: a lazy collection would otherwise find the removed header again.
        LoadAll();
        int at = FindOther(name);
        if (at < 0)
        {
            return false;
        }

        _otherCount--;
        Array.Copy(_others, at + 1, _others, at, _otherCount - at);
        _others[_otherCount] = default;
        return true;
    }
}
