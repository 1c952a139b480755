"""The departments of the store: names, what Open Food Facts calls them, and what their goods have in common."""

from collections.abc import Iterable

import msgspec

from unqueue.server.catalogue.model import Packaging

OTHER = "other"


class Category(msgspec.Struct, frozen=True):
    """A department.

    ``tags`` are the tags of Open Food Facts that lead here. ``density_g_per_ml`` turns a declared volume into a
    weight, ``packaging`` and ``weight_g_typical`` are for products of which nothing better is known.
    """

    slug: str
    zh: str
    en: str
    tags: frozenset[str]
    packaging: Packaging = "flexible"
    density_g_per_ml: float = 1.0
    weight_g_typical: int = 400


def _tags(words: str) -> frozenset[str]:
    return frozenset(f"en:{word}" for word in words.split())


# The order decides where a product of several departments goes: the narrower one first. Densities: water is 1.00,
# milk 1.03, vegetable oil 0.92, spirits of 40 % 0.95; for sauces and soft drinks the error stays under 5 %.
CATEGORIES = (
    Category("pet", "宠物用品", "Pet food", _tags(
        "pet-food dog-food cat-food wet-cat-food dry-cat-food dog-treats cat-treats wet-dog-food dry-dog-food pets"
    )),
    Category("baby", "婴幼儿食品", "Baby food", _tags(
        "baby-foods infant-formulas baby-milks"
    ), "rigid"),
    Category("alcohol", "酒类", "Beer, wine and spirits", _tags(
        "alcoholic-beverages beers wines spirits ciders liqueurs whisky hard-liquors"
    ), "glass", 0.99, 1000),
    Category("oils", "食用油", "Cooking oils", _tags(
        "vegetable-oils olive-oils sunflower-oils fats vegetable-fats"
    ), "rigid", 0.92, 900),
    Category("sauces", "调味品", "Sauces and seasoning", _tags(
        "sauces condiments ketchup mustards mayonnaises vinegars soy-sauces spices dressings seasonings salts stocks "
        "herbs-and-spices groceries dips pestos tomato-sauces bouillons broths"
    ), "rigid"),
    Category("tea-coffee", "茶和咖啡", "Tea and coffee", _tags(
        "teas coffees tea-bags ground-coffees instant-coffees herbal-teas coffee-capsules hot-beverages cocoa-powders "
        "green-teas black-teas cocoa-and-chocolate-powders instant-beverages"
    ), "flexible", 1.0, 200),
    Category("dairy", "乳品和蛋", "Dairy and eggs", _tags(
        "dairies milks yogurts cheeses butters creams eggs desserts dairy-desserts fermented-milk-products "
        "plant-milks plant-based-milk-alternatives milk-substitutes margarines milk-substitute"
    ), "rigid", 1.03),
    Category("frozen", "冷冻食品", "Frozen food", _tags(
        "frozen-foods ice-creams frozen-desserts pizzas frozen-pizzas ice-creams-and-sorbets sorbets"
    )),
    Category("breakfast", "早餐谷物和果酱", "Breakfast", _tags(
        "breakfast-cereals mueslis jams honeys spreads sweet-spreads nut-butters peanut-butters maple-syrups "
        "hazelnut-spreads oat-flakes porridge breakfasts"
    ), "rigid"),
    Category("sweets", "糖果巧克力", "Chocolate and sweets", _tags(
        "chocolates candies confectioneries chewing-gum gummi-candies bonbons dark-chocolates milk-chocolates "
        "chocolate-candies"
    ), "flexible", 1.0, 150),
    Category("bakery", "面包糕点", "Bread and cakes", _tags(
        "breads cakes pastries viennoiseries crispbreads rusks flatbreads buns brioches muffins"
    )),
    Category("snacks", "零食饼干", "Snacks and biscuits", _tags(
        "biscuits-and-cakes biscuits cookies crisps salty-snacks crackers nuts popcorn appetizers bars cereal-bars "
        "dried-fruits snacks chips-and-fries sweet-snacks seeds"
    ), "flexible", 1.0, 200),
    Category("drinks", "饮料", "Soft drinks and juices", _tags(
        "waters sodas fruit-juices juices-and-nectars beverages soft-drinks carbonated-drinks energy-drinks iced-teas "
        "syrups nectars colas mineral-waters sweetened-beverages smoothies "
        "non-alcoholic-beverages plant-based-beverages"
    ), "rigid", 1.0, 1000),
    Category("deli", "熟食肉类", "Meat, fish and deli", _tags(
        "meats fishes seafood hams sausages prepared-meats poultry smoked-salmons meat-analogues tofu hummus"
    )),
    Category("tins", "罐头和方便食品", "Tins and ready meals", _tags(
        "canned-foods canned-vegetables canned-fishes soups meals pickles canned-fruits instant-noodles tunas sardines "
        "fruits-in-syrup compotes canned-tomatoes tomato-pastes olives microwave-meals"
    ), "rigid"),
    Category("staples", "米面粮豆", "Rice, pasta and pulses", _tags(
        "pastas rices flours pulses legumes noodles cereal-grains sugars lentils couscous cereals-and-potatoes "
        "cereals-and-their-products baking sweeteners legumes-and-their-products cooking-helpers beans"
    ), "flexible", 1.0, 600),
    Category("produce", "蔬菜水果", "Fruit and vegetables", _tags(
        "fresh-vegetables fresh-fruits vegetables fruits fruits-based-foods vegetables-based-foods potatoes salads "
        "fruits-and-vegetables-based-foods mushrooms"
    ), "none"),
    Category(OTHER, "其他", "Other", frozenset()),
)  # fmt: skip

_PLAN = (
    "produce", "bakery", "dairy", "deli", "frozen", "staples", "oils", "sauces", "tins", "breakfast", "snacks",
    "sweets", "drinks", "tea-coffee", "alcohol", "baby", "pet", OTHER,
)  # fmt: skip
BY_SLUG = {category.slug: category for category in CATEGORIES}
_ORDER_BY_TAG = {tag: order for order, category in reversed(list(enumerate(CATEGORIES))) for tag in category.tags}


def category(slug: str) -> Category:
    """The department of that name; of a store's own department, one with that name and usual goods."""
    return BY_SLUG.get(slug) or Category(slug, slug, slug, frozenset())


def rank(slug: str) -> int:
    """Where a department stands on the plan of the store, fresh goods first; a store's own come last."""
    return _PLAN.index(slug) if slug in _PLAN else len(_PLAN)


def category_of_tags(tags: Iterable[str]) -> str:
    """The department that the tags of Open Food Facts lead to.

    >>> category_of_tags(["en:beverages", "en:alcoholic-beverages", "en:beers"]), category_of_tags(["en:lamps"])
    ('alcohol', 'other')
    """
    first = min((found for tag in tags if (found := _ORDER_BY_TAG.get(tag)) is not None), default=None)
    return OTHER if first is None else CATEGORIES[first].slug
