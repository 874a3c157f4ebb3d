// Products in memory.

using System.Collections.Concurrent;
using System.ComponentModel.DataAnnotations;

namespace Mews.TestApps.StartupApp;

/// <summary>A product, with the rules that model validation checks.</summary>
public sealed class Product
{
    /// <summary>Given by the store.</summary>
    public int Id { get; set; }

    /// <summary>The name.</summary>
    [Required]
    [StringLength(40, MinimumLength = 2)]
    public string? Name { get; set; }

    /// <summary>The price.</summary>
    [Range(0, 10_000)]
    public decimal Price { get; set; }
}

/// <summary>The products.</summary>
public sealed class ProductStore
{
    private readonly ConcurrentDictionary<int, Product> _products = new();
    private int _lastId;

    /// <summary>All products by id.</summary>
    public IEnumerable<Product> All() => _products.Values.OrderBy(product => product.Id);

    /// <summary>The product of that id, or null.</summary>
    public Product? Find(int id) => _products.GetValueOrDefault(id);

    /// <summary>Adds a product and gives it its id.</summary>
    public Product Add(Product product)
    {
        product.Id = Interlocked.Increment(ref _lastId);
        _products[product.Id] = product;
        return product;
    }

    /// <summary>Removes a product; false when there is none of that id.</summary>
    public bool Remove(int id) => _products.TryRemove(id, out _);
}
